"""What is known of a cluster at one moment, arranged for those who look for causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from grader.judge.language.state import History, State, condition
from grader.model.recording import Answer, Object

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")
"""Kinds that have Pods, those that own others first."""


@dataclass(frozen=True)
class Fact:
    """An event as it stands at the moment; `at` is the second in which it was first seen, `field`
    the part of the Pod that it is about (`spec.containers{server}`), or empty."""

    reason: str
    message: str
    at: float
    field: str
    count: int


class Scene:
    """The state at `moment` (a resourceVersion; None: the end), with all events up to it.

    Answers have no version. `until`, in seconds, says which belong to the moment where it is known;
    else those of steps that had begun.
    """

    def __init__(
        self, history: History, moment: int | None = None, until: float | None = None
    ) -> None:
        self.history = history
        self.moment = moment
        self._until = until
        self.state: State = history.at(moment)
        self._facts: dict[tuple[str, str, str], dict[str, Fact]] = {}
        for change in self._changes():
            if change.object["kind"] == "Event" and change.verb != "deleted":
                self._take(change.object, change.at)

    def _changes(self) -> Iterator[Any]:
        for change in self.history.changes:
            if self.moment is not None and change.version > self.moment:
                return
            yield change

    def _take(self, event: Object, at: float) -> None:
        about = event.get("involvedObject") or {}
        namespace = about.get("namespace") or event["metadata"].get("namespace") or ""
        key = (namespace, str(about.get("kind")), str(about.get("name")))
        facts = self._facts.setdefault(key, {})
        name = str(event["metadata"]["name"])
        first = facts[name].at if name in facts else at
        facts[name] = Fact(
            str(event.get("reason") or ""),
            str(event.get("message") or ""),
            first,
            str(about.get("fieldPath") or ""),
            int(event.get("count") or (event.get("series") or {}).get("count") or 1),
        )

    def answers(self) -> list[Answer]:
        """The API server's answers up to the moment."""
        every = self.history.recording.answers
        if self._until is not None:
            return [answer for answer in every if answer.at <= self._until]
        if self.moment is None:
            return list(every)
        begun = {
            mark.step
            for mark in self.history.recording.marks
            if mark.phase == "begin" and mark.version <= self.moment
        }
        return [answer for answer in every if answer.step in begun]

    def facts(self, found: Object, *reasons: str) -> list[Fact]:
        """Events about an object with one of these reasons, in order of their first time."""
        key = (namespace_of(found), str(found["kind"]), str(found["metadata"]["name"]))
        every = self._facts.get(key, {}).values()
        return sorted((f for f in every if f.reason in reasons), key=lambda fact: fact.at)

    def workloads(self) -> list[Object]:
        """Workloads that no other object controls."""
        return [
            found
            for kind in WORKLOADS
            for found in self.state.objects(kind)
            if controller(found) is None
        ]

    def find(self, workload: str, namespace: str | None = None) -> Object | None:
        """The object called `Kind/name`, or None."""
        kind, _, name = workload.partition("/")
        return self.state.object(kind, name, namespace)

    def below(self, workload: Object, *kinds: str) -> list[Object]:
        """Objects of these kinds that the workload owns, however far down; itself if of a kind."""
        return [
            found
            for kind in kinds
            for found in self.state.objects(kind)
            if self._is_below(found, str(workload["metadata"].get("uid")))
        ]

    def _is_below(self, found: Object, above: str) -> bool:
        uid: str | None = str(found["metadata"].get("uid"))
        for _ in range(8):
            if uid == above:
                return True
            known = self.history.owners.get(uid or "")
            if known is None:
                return False
            uid = known[2]
        return False

    def since(self, found: Object, holds: Callable[[Object], object]) -> float:
        """Second of the recording since which `holds` of this object, without a break."""
        uid, began = found["metadata"].get("uid"), None
        for change in self._changes():
            if change.object["metadata"].get("uid") != uid or change.object["kind"] == "Event":
                continue
            if not holds(change.object):
                began = None
            elif began is None:
                began = change.at
        return began if began is not None else 0.0

    def since_condition(self, found: Object, kind: str, status: str = "False") -> float:
        """Second since which the condition has this status."""
        return self.since(found, lambda seen: (condition(seen, kind) or {}).get("status") == status)

    def in_namespace(self, kind: str, namespace: str) -> list[Object]:
        """Objects of a kind in one namespace."""
        return [f for f in self.state.objects(kind) if namespace_of(f) == namespace]


def namespace_of(found: Object) -> str:
    """An object's namespace, empty if it has none."""
    return str(found["metadata"].get("namespace") or "")


def title(found: Object) -> str:
    """`Kind/name`."""
    return f"{found['kind']}/{found['metadata']['name']}"


def controller(found: Object) -> str | None:
    """uid of the object that controls this one."""
    for reference in found["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference.get("uid"))
    return None


def template_labels(workload: Object) -> dict[str, str]:
    """Labels of the Pods that a workload makes (of the Pod itself, if it is one)."""
    if workload["kind"] == "Pod":
        return dict(workload["metadata"].get("labels") or {})
    template = (workload.get("spec") or {}).get("template") or {}
    return dict((template.get("metadata") or {}).get("labels") or {})


def pod_spec(workload: Object) -> dict[str, Any]:
    """The Pod spec of a workload or Pod."""
    spec = workload.get("spec") or {}
    if workload["kind"] == "Pod":
        return dict(spec)
    return dict((spec.get("template") or {}).get("spec") or {})
