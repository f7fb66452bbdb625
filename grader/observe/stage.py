"""What the steps of a scenario act on: one run's cluster access, its names and its recorder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster.model import Capabilities, ClusterStatus
from grader.errors import CourseError
from grader.model.draws import fill
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Answer, Log, Object, Sample
from grader.observe.client import Api, ApiAnswer
from grader.observe.hub import WatchHub
from grader.observe.isolation import Isolation
from grader.observe.kinds import KNOWN, Kind, Kinds
from grader.observe.recorder import Recorder
from grader.observe.watch import Key

Json = dict[str, Any]

DERIVED = frozenset({"Pod", "ReplicaSet", "Job", "EndpointSlice", "Event"})
"""Kinds that controllers make of others."""


@dataclass
class Stage:
    """One run while it is played. `seen_next` is what the next settling must first have seen."""

    api: Api
    kinds: Kinds
    hub: WatchHub
    recorder: Recorder
    isolation: Isolation
    lab: Lab
    submission: Submission
    cluster: ClusterStatus
    tempo: float = 1.0
    """What the seconds that controllers count were multiplied by, as the objects were applied."""
    watched: tuple[Kind, ...] = ()
    step: str = ""
    loaded: bool = False
    """Whether there is, or was, load on the run's Services or queues."""
    answers: list[Answer] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    seen_next: list[tuple[str, Key, int]] = field(default_factory=list)
    doomed: list[tuple[str, Key]] = field(default_factory=list)
    """Objects that were deleted, for `wait-gone`."""

    @property
    def capabilities(self) -> Capabilities:
        """What the cluster can prove."""
        return self.cluster.capabilities

    @property
    def simulated(self) -> bool:
        """Whether containers are simulated or absent."""
        return self.capabilities.containers != "real"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The lab's namespaces, under the lab's names."""
        return self.isolation.names.lab

    def namespace_of(self, written: str | None) -> str:
        """A step's namespace: the lab's first one unless it says another."""
        return written or self.namespaces[0]

    def real(self, namespace: str) -> str:
        """The namespace's name on the cluster."""
        return self.isolation.names.to_real(namespace) or namespace

    def path(self, kind: str, namespace: str, name: str = "") -> str:
        """URL path of a kind that the package knows, in a namespace of the lab."""
        return KNOWN[kind].path(self.real(namespace), name)

    def lab_text(self, file: str) -> str:
        """A file of the lab's folder, with what the submission's seed draws put in."""
        try:
            text = (self.lab.root / file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CourseError(f"The lab's file {file} cannot be read: {error}.") from error
        return fill(text, self.submission.drawn) if self.lab.file.seeded else text

    def answer(
        self,
        verb: str,
        target: str,
        said: ApiAnswer,
        place: str = "",
        body: str = "",
        *,
        namespace: str = "",
        actor: str = "",
    ) -> ApiAnswer:
        """Record an answer, with the lab's names in its message; `namespace` is the lab's too."""
        back = self.isolation.text_back
        self.answers.append(
            Answer(
                at=self.recorder.clock(),
                step=self.step,
                verb=verb,
                target=target,
                code=said.code,
                reason=said.reason,
                message=back(said.message),
                place=place,
                body=back(body),
                namespace=namespace,
                actor=actor,
            )
        )
        return said

    def sample(self, series: str, target: str, namespace: str, value: float) -> None:
        """Record the value of a series at this moment."""
        at = self.recorder.clock()
        self.samples.append(Sample(at, self.step, series, target, namespace, value))

    def expect(self, kind: Kind, namespace: str, name: str, said: ApiAnswer) -> None:
        """Let the next settling wait until this accepted change was delivered by its watch."""
        if said.ok and said.version and kind in self.watched:
            key = (namespace if kind.namespaced else "", name)
            self.seen_next.append((kind.name, key, said.version))

    def doom_namespace(self, namespace: str) -> None:
        """Let `wait-gone` wait for a namespace and all that is known to be in it."""
        self.doomed.append(("Namespace", ("", namespace)))
        with self.recorder.changed:
            for kind, objects in self.recorder.state.items():
                if kind != "Event":
                    self.doomed += [(kind, key) for key in objects if key[0] == namespace]

    def sync(self, kinds: Iterable[str] = (), seconds: float = 10.0) -> int | None:
        """Wait until the watches have delivered all that happened up to now.

        Returns the cluster's version at this moment; None or 0 where that is not known. Without
        `kinds`, asks for those that can have something to deliver: objects of them are known, or
        controllers make them. What the run itself applied is awaited by `expect`.
        """
        state = self.recorder.state
        wanted = frozenset(kinds) or DERIVED | {kind for kind, objects in state.items() if objects}
        chosen = [kind for kind in self.watched if kind.name in wanted]
        return self.hub.sync(chosen, self.isolation.names.real, seconds)

    def owned_pods(self, kind: str, name: str, namespace: str) -> list[Object]:
        """Living Pods of a workload, through ReplicaSets and Jobs, oldest first."""
        owner = self.recorder.find(kind, name, namespace)
        if owner is None:
            return []
        found = _owned(self.recorder, str(owner["metadata"]["uid"]))
        return sorted(
            found, key=lambda p: (p["metadata"].get("creationTimestamp", ""), p["metadata"]["name"])
        )


def _owned(recorder: Recorder, uid: str) -> list[Object]:
    with recorder.changed:
        owners = {uid}
        for kind in ("ReplicaSet", "Job"):
            for obj in recorder.state.get(kind, {}).values():
                if owner_of(obj) in owners:
                    owners.add(str(obj["metadata"]["uid"]))
        pods = list(recorder.state.get("Pod", {}).values())
    return [
        pod
        for pod in pods
        if owner_of(pod) in owners and not pod["metadata"].get("deletionTimestamp")
    ]


def owner_of(obj: Object) -> str:
    """uid of the controller that owns an object, or an empty string."""
    for reference in obj["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference.get("uid"))
    return ""
