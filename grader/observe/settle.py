"""Whether a cluster has settled: nothing is left for a controller to do. Pure functions of a state.

`unsettled` gives one sentence for each thing that is still under way; an empty list means settled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from grader.model.recording import Object
from grader.model.selectors import matches
from grader.observe.autoscaling import scalers, unfinished
from grader.observe.counts import (
    by_owner,
    endpoints_behind,
    is_over,
    is_ready,
    owners,
    quotas_behind,
)
from grader.observe.recorder import State

Json = dict[str, Any]


class Waiting(NamedTuple):
    """One thing that is not done yet: `about` is the uid of its object."""

    about: str
    text: str

    def __str__(self) -> str:
        return self.text


def unsettled(
    state: State, finite: frozenset[str] = frozenset(), loaded: bool = True
) -> list[Waiting]:
    """What is still under way.

    `finite` are images whose containers end by themselves; `loaded` says whether there was load.
    """
    view = _View(state, finite, loaded)
    found = list(view.namespaces())
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"):
        for obj in state.get(kind, {}).values():
            found += view.workload(kind, obj)
    found += view.pods()
    found += view.services()
    found += view.small_things()
    return found


def _condition(obj: Object, type_: str) -> str:
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition.get("type") == type_:
            return str(condition.get("status"))
    return ""


def _reason(obj: Object, type_: str) -> str:
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition.get("type") == type_:
            return str(condition.get("reason"))
    return ""


def _name(obj: Object) -> str:
    return f"{obj.get('kind')}/{obj['metadata']['name']}"


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid") or "")


class _View:
    """One state, with Pods indexed by their owner."""

    def __init__(self, state: State, finite: frozenset[str], loaded: bool) -> None:
        self.state = state
        self.finite = finite
        self.loaded = loaded
        self.by_owner = by_owner(state)

    def namespaces(self) -> Iterator[Waiting]:
        """Namespaces on their way out."""
        for obj in self.state.get("Namespace", {}).values():
            if obj["metadata"].get("deletionTimestamp"):
                yield Waiting(_uid(obj), f"{_name(obj)} is being deleted")

    def workload(self, kind: str, obj: Object) -> Iterator[Waiting]:
        """A controller that has not reached what its spec says."""
        if obj["metadata"].get("deletionTimestamp"):
            yield Waiting(_uid(obj), f"{_name(obj)} is being deleted")
        elif kind == "Job":
            yield from self._job(obj)
        elif kind != "ReplicaSet" or not owners(obj):
            yield from self._replicas(kind, obj)

    def _replicas(self, kind: str, obj: Object) -> Iterator[Waiting]:
        status, metadata = obj.get("status") or {}, obj["metadata"]
        if status.get("observedGeneration", 0) < metadata.get("generation", 1):
            yield Waiting(_uid(obj), f"{_name(obj)}: its controller has not seen the latest change")
            return
        wanted = _wanted(kind, obj)
        for field, word in _COUNTS[kind]:
            count = status.get(field) or 0
            if count != wanted:
                yield Waiting(_uid(obj), f"{_name(obj)}: {count} of {wanted} Pods {word}")
                return
        if kind == "StatefulSet" and _rolls(obj):
            yield Waiting(_uid(obj), f"{_name(obj)} is rolling to its new revision")
            return
        # The status may be behind the Pods, for example just after one was deleted.
        ready = sum(1 for pod in self._pods_below(_uid(obj)) if is_ready(pod))
        if ready != wanted:
            yield Waiting(_uid(obj), f"{_name(obj)}: {ready} of {wanted} Pods ready")

    def _pods_below(self, uid: str) -> Iterator[Object]:
        for child in self.by_owner.get(uid, []):
            if child.get("kind") == "Pod":
                yield child
            else:
                yield from self._pods_below(_uid(child))

    def _job(self, obj: Object) -> Iterator[Waiting]:
        status, spec = obj.get("status") or {}, obj.get("spec") or {}
        if any(_condition(obj, word) == "True" for word in ("Complete", "Failed")):
            return
        if spec.get("suspend"):
            return
        if any(_condition(obj, w) == "True" for w in ("SuccessCriteriaMet", "FailureTarget")):
            yield Waiting(_uid(obj), f"{_name(obj)} is about to end")
            return
        done = status.get("succeeded") or 0
        wanted = spec.get("parallelism", 1)
        if (completions := spec.get("completions")) is not None:
            wanted = min(wanted, completions - done)
        running = [pod for pod in self._pods_below(_uid(obj)) if is_ready(pod) and not is_over(pod)]
        if len(running) < wanted:
            yield Waiting(_uid(obj), f"{_name(obj)}: {len(running)} of {wanted} Pods running")
        elif any(self._ends_by_itself(pod) for pod in running):
            yield Waiting(_uid(obj), f"{_name(obj)} is at work")

    def _ends_by_itself(self, pod: Object) -> bool:
        images = [str(c.get("image") or "") for c in pod["spec"].get("containers") or []]
        return any(repository(image) in self.finite for image in images)

    def pods(self) -> Iterator[Waiting]:
        """Pods that come or go, and those that nobody looks after and that are not ready."""
        for pod in self.state.get("Pod", {}).values():
            if pod["metadata"].get("deletionTimestamp"):
                yield Waiting(_uid(pod), f"{_name(pod)} is terminating")
            elif not is_over(pod) and not is_ready(pod):
                yield Waiting(_uid(pod), f"{_name(pod)} is not ready")

    def services(self) -> Iterator[Waiting]:
        """Services whose ready endpoints are not the ready Pods that they select."""
        for service, found, wanted in endpoints_behind(self.state):
            text = f"{_name(service)}: {found} of {wanted} ready Pods are endpoints"
            yield Waiting(_uid(service), text)

    def _miscounts(self, budget: Object) -> bool:
        """Whether a budget's controller has yet to count Pods that have come, or gone."""
        status, selector = budget.get("status") or {}, (budget.get("spec") or {}).get("selector")
        if (
            _condition(budget, "DisruptionAllowed") == "False"
            and _reason(budget, "DisruptionAllowed") == "SyncFailed"
        ):
            return False  # it has said that it cannot count them
        healthy = sum(
            1
            for (space, _), pod in self.state.get("Pod", {}).items()
            if space == budget["metadata"].get("namespace")
            and selector is not None
            and matches(selector, pod["metadata"].get("labels") or {})
            and is_ready(pod)
        )
        return bool(status.get("disruptedPods")) or status.get("currentHealthy", 0) != healthy

    def _waits_for_a_pod(self, claim: Object) -> bool:
        """The volume controller has said that it binds with the first Pod, and none asks yet."""
        space, name = claim["metadata"].get("namespace"), claim["metadata"]["name"]
        said = any(
            event.get("reason") == "WaitForFirstConsumer"
            and (event.get("involvedObject") or {}).get("uid") == _uid(claim)
            for event in self.state.get("Event", {}).values()
        )
        return said and not any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == name
            for pod in self.state.get("Pod", {}).values()
            if pod["metadata"].get("namespace") == space
            for volume in pod["spec"].get("volumes") or []
        )

    def small_things(self) -> Iterator[Waiting]:
        """Objects whose controller answers once: claims, budgets, quotas, autoscalers."""
        for claim in self.state.get("PersistentVolumeClaim", {}).values():
            bound = (claim.get("status") or {}).get("phase") == "Bound"
            if not bound and not self._waits_for_a_pod(claim):
                yield Waiting(_uid(claim), f"{_name(claim)} is not bound")
        for budget in self.state.get("PodDisruptionBudget", {}).values():
            seen = (budget.get("status") or {}).get("observedGeneration", 0)
            if seen < budget["metadata"].get("generation", 1):
                yield Waiting(_uid(budget), f"{_name(budget)}: its controller has not seen it")
            elif self._miscounts(budget):
                yield Waiting(_uid(budget), f"{_name(budget)}: its Pods are being counted")
        for quota in self.state.get("ResourceQuota", {}).values():
            hard = (quota.get("spec") or {}).get("hard")
            if (quota.get("status") or {}).get("hard") != hard:
                yield Waiting(_uid(quota), f"{_name(quota)}: its use has not been counted yet")
        for quota, counted, there in quotas_behind(self.state):
            yield Waiting(_uid(quota), f"{_name(quota)}: {counted} of {there} Pods are counted")
        for scaler in scalers(self.state):
            if left := unfinished(scaler, self.state, self.loaded):
                colon = ":" if left.startswith("its ") else ""
                yield Waiting(_uid(scaler), f"{_name(scaler)}{colon} {left}")


def repository(image: str) -> str:
    """An image without tag and digest."""
    image = image.partition("@")[0]
    head, colon, tail = image.rpartition(":")
    return head if colon and "/" not in tail else image


def _wanted(kind: str, obj: Object) -> int:
    if kind == "DaemonSet":
        return int((obj.get("status") or {}).get("desiredNumberScheduled") or 0)
    wanted = (obj.get("spec") or {}).get("replicas", 1)
    return int(wanted if wanted is not None else 1)


def _rolls(obj: Object) -> bool:
    strategy = (obj.get("spec") or {}).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return False
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return False
    status = obj.get("status") or {}
    return bool(status.get("updateRevision") != status.get("currentRevision"))


_COUNTS: dict[str, tuple[tuple[str, str], ...]] = {
    "Deployment": (
        ("updatedReplicas", "updated"),
        ("readyReplicas", "ready"),
        ("availableReplicas", "available"),
        ("replicas", "there"),
    ),
    "StatefulSet": (
        ("readyReplicas", "ready"),
        ("availableReplicas", "available"),
        ("replicas", "there"),
    ),
    "DaemonSet": (("updatedNumberScheduled", "updated"), ("numberReady", "ready")),
    "ReplicaSet": (("readyReplicas", "ready"), ("replicas", "there")),
}
