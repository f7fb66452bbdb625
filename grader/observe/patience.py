"""How long silence may last before it means that nothing more will happen.

A Pod whose readiness probe begins after 20 seconds says nothing until then. So the wait is not one
number: it follows from the probes, load times and grace periods of the Pods that are not done,
counted from when each was first seen in its state, times the cluster's time factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.model import ServerModel
from cluster.tempo import scaled
from grader.model.pods import container_statuses
from grader.model.recording import Object
from grader.observe.autoscaling import scalers, silence
from grader.observe.counts import is_over, is_ready, owners
from grader.observe.recorder import State
from grader.observe.relapse import again
from grader.observe.settle import Waiting

Json = dict[str, Any]

BASE = 1.5
"""Seconds for controllers, which are never slowed down or sped up."""
CONTROLLER_LIFE = 5.0
USUAL_ANSWER, SLOWEST = 0.1, 10.0
"""Seconds that a round of lists takes on an idle machine, and how many times that may count."""
PULL_SIMULATED, PULL_REAL = 10.0, 120.0
SCHEDULER_BACKOFF = 10.0
"""Longest pause, in real seconds, of the scheduler before it tries a Pod again."""
CIRCLES = 3
"""Restarts after which a crash loop has shown all that it will show."""
CIRCLING_SIMULATED, CIRCLING_REAL = 1.0, 25.0
NEXT_END_SIMULATED, NEXT_END_REAL = 5.0, 60.0
"""Seconds for which a loop may run on until it is seen between two runs: a moment within one would
show a server that is there."""
LONGEST = 300.0
NAMESPACE = 60.0
"""Seconds that a namespace may take to go: its controller rests between two attempts."""

_STUCK = {
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
}


class Patience:
    """Decides for one settling when silence, or running in circles, has lasted long enough."""

    def __init__(
        self,
        servers: tuple[ServerModel, ...],
        factor: float,
        simulated: bool,
        tempo: float = 1.0,
    ) -> None:
        self._servers = servers
        self._factor = factor
        self._tempo = tempo
        self._simulated = simulated
        self._first_seen: dict[tuple[str, ...], float] = {}
        self._circling_since: float | None = None
        self._slowness = 1.0

    def took(self, seconds: float) -> None:
        """Take in how long a round of lists took: on a busy machine controllers are slow too."""
        self._slowness = max(self._slowness, min(SLOWEST, seconds / USUAL_ANSWER))

    def ends_at(
        self, state: State, waiting: list[Waiting], last_change: float, now: float
    ) -> float:
        """The moment from which on nothing more is to be expected."""
        if circling(state, waiting):
            self._circling_since = self._circling_since or now
            long, more = CIRCLING_REAL, NEXT_END_REAL
            if self._simulated:
                long, more = CIRCLING_SIMULATED, NEXT_END_SIMULATED
            return self._circling_since + long + (more if _within_a_run(state) else 0.0)
        self._circling_since = None
        base = BASE * self._slowness + self._factor * CONTROLLER_LIFE
        ends = [last_change + base + _min_ready(state, self._tempo)]
        for scaler in scalers(state):
            if rest := silence(scaler, self._factor, self._tempo):
                # After each move a window begins anew.
                now_at = str((scaler.get("status") or {}).get("currentReplicas"))
                held = (str(scaler["metadata"].get("uid")), "is held", str(rest), now_at)
                ends.append(self._first_seen.setdefault(held, now) + base + rest)
        for job in state.get("Job", {}).values():
            if rest := _job_rest(job, state):
                retry = (str(job["metadata"].get("uid")), "retries", str(rest))
                ends.append(self._first_seen.setdefault(retry, now) + base + rest)
        for namespace in state.get("Namespace", {}).values():
            if namespace["metadata"].get("deletionTimestamp"):
                gone = (str(namespace["metadata"]["uid"]), "goes")
                ends.append(self._first_seen.setdefault(gone, now) + NAMESPACE)
        for pod in state.get("Pod", {}).values():
            if node := _promised(pod):
                tried = (str(pod["metadata"].get("uid")), "is tried again", node)
                ends.append(self._first_seen.setdefault(tried, now) + base + SCHEDULER_BACKOFF)
            for key, life in self._silences(pod):
                since = self._first_seen.setdefault(key, now)
                ends.append(since + BASE * self._slowness + min(LONGEST, life * self._factor))
        return max(ends)

    def _silences(self, pod: Object) -> Iterator[tuple[tuple[str, ...], float]]:
        """Each thing that the Pod may silently wait for, with its length in life seconds."""
        uid = str(pod["metadata"].get("uid"))
        if pod["metadata"].get("deletionTimestamp"):
            yield (uid, "stops"), float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            return
        if is_over(pod):
            return
        status, spec = pod.get("status") or {}, pod.get("spec") or {}
        if spec.get("nodeName") and status.get("phase") == "Pending":
            yield (uid, "starts"), PULL_SIMULATED if self._simulated else PULL_REAL
        specs = {c["name"]: c for c in spec.get("initContainers") or []}
        specs |= {c["name"]: c for c in spec.get("containers") or []}
        for entry in container_statuses(pod):
            if "running" in (entry.get("state") or {}):
                key = (
                    uid,
                    entry["name"],
                    str(entry.get("restartCount")),
                    str(entry.get("started")),
                )
                yield key, self._container(specs.get(entry["name"]) or {}, entry, is_ready(pod))

    def _container(self, spec: Json, status: Json, pod_ready: bool) -> float:
        from cluster.embedded.kubelet.images import find_server

        # As the simulation chooses: one image may behave differently by tag or container.
        image, name = str(spec.get("image") or ""), str(spec.get("name") or "")
        server = find_server(image, self._servers, name)
        runs_for = (server.runs_for if server else None) or 0.0
        if pod_ready:
            return runs_for
        load = server.load if server else 0.0
        if spec.get("startupProbe") and not status.get("started"):
            return _probe(spec["startupProbe"]) + load
        probes = [_probe(spec[f]) for f in ("readinessProbe", "livenessProbe") if spec.get(f)]
        if spec.get("livenessProbe") and _answers(server, spec["livenessProbe"]):
            probes.pop()  # it will never fail
        return max([*probes, 0.0]) + load + runs_for


def _probe(spec: Mapping[str, Any]) -> float:
    """Life seconds until a probe's verdict is final."""
    period = float(spec.get("periodSeconds") or 10)
    times = int(spec.get("failureThreshold") or 3)
    return float(spec.get("initialDelaySeconds") or 0) + period * times


def _answers(server: ServerModel | None, probe: Mapping[str, Any]) -> bool:
    """Whether a server is known to answer this probe as soon as its process listens."""
    get = probe.get("httpGet") or {}
    if server is None or get.get("host"):
        return False
    return get.get("path") in server.live and get.get("port") == server.port


_JOB_BACKOFF, _JOB_INDEX = 10.0, "batch.kubernetes.io/job-completion-index"


def _job_rest(job: Object, state: State) -> float:
    """Seconds for which the Job controller may rest before it retries; 0 where it need not.

    It counts real seconds: ten after the first failure (of an index, where each has its own
    limit), and twice as many after each further one.
    """
    status, spec = job.get("status") or {}, job.get("spec") or {}
    if status.get("completionTime") or any(
        c.get("type") in ("Failed", "FailureTarget") for c in status.get("conditions") or []
    ):
        return 0.0
    uid = str(job["metadata"].get("uid"))
    pods = [pod for pod in state.get("Pod", {}).values() if uid in owners(pod)]
    wanted = int(spec.get("parallelism", 1))
    if spec.get("completions") is not None:
        wanted = min(wanted, int(spec["completions"]) - int(status.get("succeeded") or 0))
    if sum(1 for pod in pods if not is_over(pod)) >= wanted:
        return 0.0
    each = spec.get("backoffLimitPerIndex") is not None
    failures: dict[str, int] = {}
    for pod in pods:
        if (pod.get("status") or {}).get("phase") == "Failed":
            index = (pod["metadata"].get("annotations") or {}).get(_JOB_INDEX, "") if each else ""
            failures[index] = failures.get(index, 0) + 1
    times = max(failures.values(), default=0)
    return min(LONGEST, _JOB_BACKOFF * 2.0 ** (times - 1)) if times else 0.0


def _promised(pod: Object) -> str:
    """The node on which the scheduler has preempted others for this Pod, until it is bound."""
    if (pod.get("spec") or {}).get("nodeName") or pod["metadata"].get("deletionTimestamp"):
        return ""
    return str((pod.get("status") or {}).get("nominatedNodeName") or "")


def _min_ready(state: State, tempo: float) -> float:
    """Longest minReadySeconds as written, which the controllers count at the run's tempo."""
    specs = [
        obj.get("spec") or {}
        for kind in ("Deployment", "StatefulSet")
        for obj in state.get(kind, {}).values()
    ]
    longest = max([int(spec.get("minReadySeconds") or 0) for spec in specs], default=0)
    return min(60.0, scaled(longest, tempo))


def circling(state: State, waiting: list[Waiting]) -> bool:
    """Whether all that is not done hangs on Pods that fail in the same way again and again."""
    stuck = _stuck(state)
    if not stuck:
        return False
    parents = {
        str(obj["metadata"].get("uid")): owners(obj)
        for kind in ("Pod", "ReplicaSet", "Job")
        for obj in state.get(kind, {}).values()
    }
    explained = set(stuck)
    layer = stuck
    while layer:
        layer = {owner for uid in layer for owner in parents.get(uid, [])} - explained
        explained |= layer
    services = {str(s["metadata"].get("uid")) for s in state.get("Service", {}).values()}
    return all(w.about in explained or w.about in services for w in waiting)


def _within_a_run(state: State) -> bool:
    """Whether a container that keeps ending runs at this moment."""
    return any(
        entry["restartCount"] >= CIRCLES
        for pod in state.get("Pod", {}).values()
        for entry in again(pod)
    )


def _stuck(state: State) -> set[str]:
    found = set()
    for pod in state.get("Pod", {}).values():
        if pod["metadata"].get("deletionTimestamp"):
            continue
        for entry in container_statuses(pod):
            reason = ((entry.get("state") or {}).get("waiting") or {}).get("reason")
            if reason in _STUCK or (entry.get("restartCount") or 0) >= CIRCLES:
                found.add(str(pod["metadata"].get("uid")))
    return found
