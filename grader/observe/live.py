"""Looking at the learner's own namespaces as they left them. Nothing is changed, ever.

Two looks prove a cleanup. The first, while the workload runs, records what is there. A later look
that finds the namespaces gone continues that recording: it adds a mark for the scenario's delete
step, tells everything that was there as deleted, and says with a gap for each kind that nobody
watched in between. Without an earlier look, a missing namespace proves nothing but that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cluster.model import Capabilities, ClusterStatus
from grader.errors import MachineError
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Change, Gap, Mark, Object, Recording
from grader.model.scenario import Request, Step
from grader.observe.access import read_access
from grader.observe.apply import in_order, resolve, server_side_apply
from grader.observe.client import Api, ApiAnswer
from grader.observe.hub import WatchHub
from grader.observe.isolation import Isolation
from grader.observe.kinds import ALWAYS, KNOWN, Kind, Kinds
from grader.observe.logs import take_logs
from grader.observe.names import Names
from grader.observe.recorder import Recorder
from grader.observe.room import too_small
from grader.observe.stage import Stage
from grader.observe.steps.request import request, target_of
from grader.observe.waiting import Outcome, settle
from grader.observe.watch import key_of

_ENDING = 60.0
"""Seconds to wait for a namespace that is being deleted already."""
_STAYS = ("Node", "Event")
"""Kinds that do not go with a namespace."""


class ReadOnlyApi(Api):
    """A client that can read, and ask what would happen, but not change anything."""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        **options: Any,
    ) -> ApiAnswer:
        """One request; anything but a read or a dry run is a mistake of ours."""
        if method != "GET" and (query or {}).get("dryRun") != "All":
            raise RuntimeError(f"{method} {path} would change the learner's cluster")
        return super().call(method, path, body, query=query, **options)


def observe_live(
    lab: Lab, submission: Submission, cluster: ClusterStatus, *, earlier: Recording | None = None
) -> Recording:
    """Record the lab's namespaces as they are now.

    `earlier` is the recording of an earlier look at the same cluster, if there is one. Raises
    MachineError when the cluster cannot be read.
    """
    if not cluster.running or cluster.kubeconfig is None:
        raise MachineError(f"The cluster {cluster.name} is not running.", "mlk8s up")
    api = ReadOnlyApi(read_access(cluster.kubeconfig))
    hub = WatchHub(api, lab.file.namespaces)
    try:
        return _Look(lab, submission, cluster, api, hub).record(earlier)
    finally:
        hub.close()
        api.close()


class _Look:
    """One look at the learner's namespaces."""

    def __init__(
        self, lab: Lab, submission: Submission, cluster: ClusterStatus, api: Api, hub: WatchHub
    ) -> None:
        self._lab, self._cluster, self._api, self._hub = lab, cluster, api, hub
        kinds = Kinds(api)
        spaces = lab.file.namespaces
        allowed = tuple(kind for kind in map(kinds.named, lab.file.kinds) if kind is not None)
        isolation = Isolation("", Names.unchanged(spaces), allowed, frozenset(lab.file.kinds))
        self._recorder = Recorder(isolation.names, isolation.hides)
        self._started = datetime.now(UTC)
        self._marks: list[Mark] = []
        self._stage = Stage(
            api=api,
            kinds=kinds,
            hub=hub,
            recorder=self._recorder,
            isolation=isolation,
            lab=lab,
            submission=submission,
            cluster=cluster,
            watched=self._readable(allowed),
        )

    def _readable(self, allowed: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Kinds that the learner may list; on somebody else's cluster that is not all."""
        space = self._lab.file.namespaces[0]
        wanted = dict.fromkeys(KNOWN[name] for name in ALWAYS) | dict.fromkeys(allowed)
        return tuple(k for k in wanted if self._api.get(k.path(space), limit="1").ok)

    def record(self, earlier: Recording | None) -> Recording:
        """The whole look, continued from an earlier one where that is what it takes."""
        self._hub.start(self._stage.watched)
        self._hub.follow(self._recorder, self._stage.watched, self._lab.file.namespaces)
        cluster_id = self._cluster_id()
        if earlier is not None and (
            _can_continue(earlier, self._lab, cluster_id) and (absent := self._absent_soon())
        ):
            return self._continued(earlier, absent) if _still_there(earlier) else earlier
        fault = ""
        try:
            self._examine(cluster_id)
        except MachineError as error:
            fault = error.message
        return self._recording(fault)

    def _examine(self, cluster_id: str) -> None:
        for step in self._lab.file.scenario:
            if step.kind == "apply":
                self._look(step, cluster_id)
            elif step.kind == "request" and isinstance(step.action, Request):
                self._request(step, step.action)
            elif step.kind == "delete" and (absent := self._absent()):
                name = self._begin(step, {"absent": absent})
                self._end(step, name, Outcome("gone"))
        take_logs(self._stage)

    def _look(self, step: Step, cluster_id: str) -> None:
        """What is there, once it has settled; and what the API server thinks of the files."""
        name = self._begin(step, {"cluster": cluster_id})
        outcome = settle(self._stage, step.action.within)
        for manifest in in_order(self._stage.submission.manifests):
            said = self._dry_run(manifest.value)
            place, space = str(manifest.place), manifest.namespace or ""
            self._stage.answer("apply", str(manifest), said, place, namespace=space)
        self._end(step, name, outcome)

    def _dry_run(self, value: Object) -> ApiAnswer:
        kind, refusal = resolve(self._stage, value)
        if kind is None or refusal is not None:
            return refusal or ApiAnswer(404, "NoKindMatch")
        metadata = value["metadata"]
        path = kind.path(str(metadata.get("namespace") or ""), str(metadata["name"]))
        return server_side_apply(self._api, path, value, user="", dry_run=True)

    def _request(self, step: Step, action: Request) -> None:
        name = self._begin(step, {})
        namespace = self._stage.namespace_of(action.namespace)
        said, body = request(self._stage, action, namespace)
        self._stage.answer("request", target_of(action), said, body=body, namespace=namespace)
        self._end(step, name, Outcome("settled"))

    # What the cluster is and has

    def _cluster_id(self) -> str:
        """uid of the namespace kube-system: by it a cluster is known. Empty where unreadable."""
        answer = self._api.get(KNOWN["Namespace"].path(name="kube-system"))
        return str((answer.body.get("metadata") or {}).get("uid") or "")

    def _absent(self) -> list[str]:
        """The lab's namespaces if none of them is there; else an empty list."""
        with self._recorder.changed:
            there = self._recorder.state.get("Namespace", {})
        missing = [name for name in self._lab.file.namespaces if ("", name) not in there]
        return missing if len(missing) == len(self._lab.file.namespaces) else []

    def _absent_soon(self) -> list[str]:
        """Like `_absent`, after a wait for namespaces that are on their way out."""
        with self._recorder.changed:
            there = list(self._recorder.state.get("Namespace", {}).values())
        if all(namespace["metadata"].get("deletionTimestamp") for namespace in there):
            self._recorder.wait(lambda: bool(self._absent()), _ENDING)
        return self._absent()

    def _version(self) -> int:
        path = KNOWN["Pod"].path(self._lab.file.namespaces[0])
        return self._api.get(path, limit="1").version

    # Marks and results

    def _begin(self, step: Step, detail: dict[str, Any]) -> str:
        name = step.name or step.kind
        self._stage.step = name
        at = self._recorder.clock()
        self._marks.append(Mark(at, self._version(), name, step.kind, "begin", "", detail))
        return name

    def _end(self, step: Step, name: str, outcome: Outcome) -> None:
        detail = {"waiting": outcome.waiting} if outcome.waiting else {}
        at = self._recorder.clock()
        self._marks.append(Mark(at, self._version(), name, step.kind, "end", outcome.note, detail))

    def _recording(self, fault: str) -> Recording:
        submission = self._stage.submission
        return Recording(
            lab=self._lab.id,
            lab_digest=self._lab.digest,
            submission=submission.name,
            submission_digest=submission.digest,
            provider=self._cluster.provider,
            kubernetes=self._cluster.kubernetes_version or "",
            capabilities=self._capabilities(),
            namespaces=self._lab.file.namespaces,
            started=self._started.isoformat(timespec="milliseconds"),
            changes=self._recorder.in_order(),
            marks=self._marks,
            answers=self._stage.answers,
            logs=self._stage.logs,
            gaps=self._recorder.gaps,
            sources=[(source.path, source.text) for source in submission.sources],
            live=True,
            fault=fault or self._recorder.fault,
            seconds=self._recorder.clock(),
        )

    def _capabilities(self) -> Capabilities:
        """What this look can prove: nothing where the machine has no room for right Pods."""
        capabilities = self._cluster.capabilities
        with self._recorder.changed:
            pods = list(self._recorder.state.get("Pod", {}).values())
            nodes = list(self._recorder.state.get("Node", {}).values())
        command = f"mlk8s check {self._lab.number}"
        if not (why := too_small(pods, nodes, self._lab.file.nodes, command)):
            return capabilities
        nothing = {"control_plane": None, "kubelet": None, "containers": None, "too_small": why}
        return capabilities.model_copy(update=nothing)

    def _continued(self, earlier: Recording, absent: list[str]) -> Recording:
        """The earlier recording, with what this look found gone told at its end."""
        submission = self._stage.submission
        began = datetime.fromisoformat(earlier.started)
        at = max(earlier.seconds, round((datetime.now(UTC) - began).total_seconds(), 4))
        version = self._version()
        last = _last_states(earlier)
        gone = [Change(at, version, "deleted", obj) for obj in last.values()]
        blind = sorted({str(obj.get("kind")) for obj in last.values()})
        step = next((s for s in self._lab.file.scenario if s.kind == "delete"), None)
        name = (step.name if step else None) or "cleanup"
        before = max(version - 1, max((mark.version for mark in earlier.marks), default=0))
        marks = [
            Mark(at, before, name, "delete", "begin", "", {"absent": absent}),
            Mark(at, version, name, "delete", "end", "gone"),
        ]
        return replace(
            earlier,
            submission=submission.name,
            submission_digest=submission.digest,
            sources=[(source.path, source.text) for source in submission.sources],
            changes=[*earlier.changes, *gone],
            marks=[mark for mark in earlier.marks if mark.step != name] + marks,
            gaps=[*earlier.gaps, *(Gap(earlier.seconds, at, kind) for kind in blind)],
            seconds=at,
        )


def _can_continue(earlier: Recording, lab: Lab, cluster_id: str) -> bool:
    """Whether an earlier look was at this lab on this cluster, and found the namespaces there."""
    known = {mark.detail.get("cluster", "") for mark in earlier.marks}
    there = any(change.object.get("kind") == "Namespace" for change in earlier.changes)
    return (
        earlier.live
        and earlier.complete
        and earlier.lab == lab.id
        and cluster_id in known
        and there
    )


def _still_there(earlier: Recording) -> bool:
    """Whether an earlier look ended before the namespaces went."""
    return any(obj.get("kind") == "Namespace" for obj in _last_states(earlier).values())


def _last_states(recording: Recording) -> dict[tuple[str, str, str], Object]:
    """What was there at the end of a recording and goes with its namespaces."""
    state: dict[tuple[str, str, str], Object] = {}
    for change in recording.changes:
        kind = str(change.object.get("kind"))
        key = (kind, *key_of(change.object))
        if change.verb == "deleted":
            state.pop(key, None)
        elif kind not in _STAYS:
            state[key] = change.object
    return state
