"""The step `drain`: Pods are evicted, so that disruption budgets are heard."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from grader.model.recording import Object
from grader.model.scenario import Drain
from grader.observe.client import ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.steps.cordon import cordon
from grader.observe.steps.workload import pods_of
from grader.observe.waiting import QUIET, TOO_LONG, Outcome, limit, settle

RETRY = 5.0
"""Seconds of real life after which kubectl tries a refused eviction again."""
_REFUSED, _GONE = 429, 404


def play_drain(stage: Stage, action: Drain) -> Outcome | None:
    """Evict until all are gone, or until the budgets' refusals are all that is left."""
    namespace = stage.namespace_of(action.namespace)
    for node in action.nodes:
        cordon(stage, node)
    stage.sync(("Pod", "Job", "ReplicaSet"))
    chosen = _on_nodes(stage, action.nodes) if action.nodes else []
    if action.of is not None:
        chosen = [p for p in pods_of(stage, action.of, namespace) if not _going(p)][: action.count]
        if not chosen:
            said = ApiAnswer(404, "NoPods", f"{action.of} has no Pods to evict.")
            stage.answer("evict", action.of, said, namespace=namespace)
    return _Eviction(stage, [_key(pod) for pod in chosen]).run(action)


def _on_nodes(stage: Stage, nodes: tuple[str, ...]) -> list[Object]:
    """The Pods that leave: all on these nodes but those of DaemonSets."""
    with stage.recorder.changed:
        pods = list(stage.recorder.state.get("Pod", {}).values())
    return [
        pod
        for pod in pods
        if (pod.get("spec") or {}).get("nodeName") in nodes
        and not _going(pod)
        and not any(o["kind"] == "DaemonSet" for o in pod["metadata"].get("ownerReferences") or [])
    ]


def _going(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _key(pod: Object) -> tuple[str, str]:
    return str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"])


@dataclass
class _Eviction:
    """One drain while it is played. `left` are the Pods that have not been let go yet."""

    stage: Stage
    left: list[tuple[str, str]]
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)
    """What could not be evicted for another reason than a budget."""
    progress: bool = False
    """Whether the last round let any Pod go."""

    def run(self, action: Drain) -> Outcome | None:
        """Try in rounds. None: all is evicted, and the usual settling follows."""
        until = time.monotonic() + limit(self.stage, action.within)
        rested = False
        while self._round():
            if rested and not self.progress:
                # The cluster had come to rest, and the budgets refused once more: so it stays.
                return Outcome(QUIET, self._waiting())
            if time.monotonic() > until:
                return Outcome(TOO_LONG, self._waiting())
            changed = self.stage.recorder.last_change
            time.sleep(RETRY * self.stage.capabilities.time_factor)
            rested = self.stage.recorder.last_change == changed and not self.progress
            if rested:
                settle(self.stage, max(1.0, until - time.monotonic()))
        return Outcome(QUIET, self.stuck) if self.stuck else None

    def _round(self) -> bool:
        """Try each Pod once; whether budgets still hold some."""
        before = len(self.left)
        self.left = [key for key in self.left if not self._evict(*key)]
        self.progress = len(self.left) < before
        return bool(self.left)

    def _evict(self, namespace: str, name: str) -> bool:
        """Whether this Pod needs no further attempt."""
        stage = self.stage
        metadata = {"name": name, "namespace": stage.real(namespace)}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"{stage.path('Pod', namespace, name)}/eviction"
        said = stage.api.call("POST", path, body)
        if said.code == _GONE:
            return True  # it went by itself in the meantime
        known = self.refusals.get((namespace, name))
        if said.code != _REFUSED or said.message != known:
            stage.answer("evict", f"Pod/{name}", said, namespace=namespace)
        if said.code == _REFUSED:
            self.refusals[namespace, name] = said.message
            return False
        if said.ok:
            self._await_deletion(namespace, name)
        else:
            self.stuck.append(f"Pod/{name} cannot be evicted: {said.message}")
        return True

    def _await_deletion(self, namespace: str, name: str) -> None:
        """Let the watch deliver that the Pod is on its way out: budgets count it as gone."""
        version = self.stage.api.get(KNOWN["Pod"].path(self.stage.real(namespace), name)).version
        said = ApiAnswer(200, body={"metadata": {"resourceVersion": str(version)}})
        self.stage.expect(KNOWN["Pod"], namespace, name, said)

    def _waiting(self) -> list[str]:
        held = [f"Pod/{name}: {self.refusals[space, name]}" for space, name in self.left]
        back = self.stage.isolation.names.text_back
        return [back(text) for text in (*held, *self.stuck)][:20]
