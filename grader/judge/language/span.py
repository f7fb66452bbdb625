"""The fixture `recording`: what happened, as a whole or during one step."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from grader.errors import CourseError
from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.judge.language.reach import Reachability, recorded
from grader.judge.language.state import Endpoint, History, State
from grader.judge.language.timeline import Moment, Timeline
from grader.judge.language.words import Words
from grader.model.recording import Answer, Mark, Object, Recording

if TYPE_CHECKING:
    from grader.judge.causes import Chain

Value = TypeVar("Value")


class Span:
    """A stretch of a recording, and the timelines that a check may draw from it."""

    def __init__(self, history: History, step: str, begin: Mark | None, end: Mark | None) -> None:
        self._history = history
        self.step = step
        self._begin = begin
        self._end = end

    @property
    def recording(self) -> Recording:
        """The recording itself, for what has no word of its own."""
        return self._history.recording

    def timeline(
        self, subject: str, kinds: tuple[str, ...], view: Callable[[State], Value]
    ) -> Timeline[Value]:
        """`view` of the state at the span's beginning, and after each change of one of `kinds`."""
        began = self._begin.at if self._begin else 0.0
        version = self._begin.version if self._begin else 0
        moments: list[Moment[Value]] = []
        end = self._end.version if self._end else None
        for change, state in self._history.moments(version, end):
            if change is None:
                moments.append(Moment(began, version, view(state)))
            elif change.object["kind"] in kinds:
                moments.append(Moment(change.at, change.version, view(state)))
        ended = (self._end.at, self._end.version) if self._end else None
        return Timeline(subject, moments, (self.step, began), self._is_blind(kinds), ended)

    def object(self, kind: str, name: str) -> Timeline[Object | None]:
        """One object or None, over time."""
        return self.timeline(f"{kind}/{name}", (kind,), lambda state: state.object(kind, name))

    def objects(self, kind: str) -> Timeline[list[Object]]:
        """All objects of a kind, over time."""
        return self.timeline(f"objects of kind {kind}", (kind,), lambda state: state.objects(kind))

    def pods(self, of: str | None = None) -> Timeline[list[Object]]:
        """Pods, or the Pods of `Kind/name`, over time."""
        return self.timeline(_pods_of("Pods", of), ("Pod",), lambda state: state.pods(of))

    def ready_pods(self, of: str | None = None) -> Timeline[list[Object]]:
        """Ready Pods that are not being deleted, over time."""
        return self.timeline(
            _pods_of("ready Pods", of), ("Pod",), lambda state: state.ready_pods(of)
        )

    def endpoints(self, service: str) -> Timeline[list[Endpoint]]:
        """Ready endpoints of a Service, over time."""
        return self.timeline(
            f"ready endpoints of Service {service}",
            ("EndpointSlice",),
            lambda state: state.endpoints(service),
        )

    def node_of_pods(self, of: str | None = None) -> Timeline[dict[str, str]]:
        """Pod name -> node name of the Pods that are bound to a node, over time."""
        return self.timeline(
            _pods_of("nodes of Pods", of), ("Pod",), lambda state: _placement(state.pods(of))
        )

    def replica_sets(self, of: str) -> Timeline[list[Object]]:
        """ReplicaSets of `Deployment/name`, over time."""
        return self.timeline(
            f"ReplicaSets of {of}", ("ReplicaSet",), lambda state: state.replica_sets(of)
        )

    def network(self) -> Reachability:
        """Who may reach whom under the NetworkPolicies, as they are at the end of the span."""
        state = self._history.at(self._end.version if self._end else None)
        policies, namespaces = state.objects("NetworkPolicy"), state.objects("Namespace")
        return recorded(policies, namespaces, state.pods)

    def events(self, about: str = "*", reason: str | None = None) -> Events:
        """Events of the span about `Kind/name` (with `*` as a wildcard), newest count of each."""
        latest: dict[str, Object] = {}
        for change in self._history.changes:
            if change.object["kind"] != "Event" or change.verb == "deleted":
                continue
            if self._contains(change.version) and _is_about(change.object, about, reason):
                latest[change.object["metadata"]["name"]] = change.object
        what = f"{reason or ''} events about {about}".strip()
        return Events(what, list(latest.values()), self.step)

    def answers(self, verb: str | None = None, target: str = "*") -> Answers:
        """How the scenario's requests were answered during the span."""
        found = [
            answer
            for answer in self.recording.answers
            if verb in (None, answer.verb)
            and fnmatchcase(answer.target, target)
            and (self._begin is None or answer.step == self.step)
        ]
        return Answers(found, self.step)

    def cause(self, of: str, namespace: str | None = None) -> Chain | None:
        """Why `Kind/name` is unhealthy when the span ends, or None: `grader.judge.causes`."""
        from grader.judge.causes import causes_of

        end = self._end.version if self._end else None
        return causes_of(self, of, namespace=namespace, moment=end)

    def words(self, namespace: str) -> Words:
        """What was recorded in words during the span in one namespace: events, states, labels."""
        found = [
            change
            for change in self._history.changes
            if change.object["metadata"].get("namespace") == namespace
            and self._contains(change.version)
        ]
        return Words(found, namespace)

    def ended(self, note_text: str) -> None:
        """The step ended this way: "settled", "quiet" or "too long"."""
        marks = [m for m in self.recording.marks if m.phase == "end" and m.step == self.step]
        observed = marks[-1].note if marks else "it did not end"
        if observed != note_text:
            raise CheckFailed(f"{self.step} to end {note_text}", observed, f"step {self.step}")
        note(f"{self.step} ended: {observed}", f"step {self.step}")

    def _contains(self, version: int) -> bool:
        after = self._begin is None or version > self._begin.version
        return after and (self._end is None or version <= self._end.version)

    def _is_blind(self, kinds: tuple[str, ...]) -> bool:
        began = self._begin.at if self._begin else 0.0
        ended = self._end.at if self._end else float("inf")
        return any(
            gap.kind in kinds and gap.since <= ended and gap.until >= began
            for gap in self.recording.gaps
        )


class RecordingView(Span):
    """The whole recording; `during` narrows it to one step."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(History(recording), "the recording", None, None)

    def during(self, step: str) -> Span:
        """From the state when the step began to the state when the next step begins."""
        begins = [mark for mark in self.recording.marks if mark.phase == "begin" and mark.step]
        for index, mark in enumerate(begins):
            if mark.step == step:
                later = (other for other in begins[index + 1 :] if other.step != step)
                return Span(self._history, step, mark, next(later, None))
        known = ", ".join(dict.fromkeys(mark.step for mark in begins))
        raise CourseError(f"the recording has no step {step!r}; it has {known or 'none'}")

    def has_step(self, step: str) -> bool:
        """Whether the scenario came to this step."""
        return any(mark.step == step for mark in self.recording.marks)


class Events:
    """Some events, with the words to say whether there must be any."""

    def __init__(self, what: str, found: list[Object], step: str) -> None:
        self.what = what
        self.found = found
        self.step = step

    def some(self, text: str = "") -> Events:
        """At least one, whose message contains `text`."""
        for event in self.found:
            if text in str(event.get("message", "")):
                note(f"{event.get('reason')}: {event.get('message')}", _about(event))
                return self
        seen = "; ".join(str(event.get("message")) for event in self.found[:3]) or "no such event"
        expected = f"{self.what} saying {text!r}" if text else self.what
        raise CheckFailed(expected, seen, f"during {self.step}")

    def none(self) -> Events:
        """Not one."""
        if self.found:
            event = self.found[0]
            raise CheckFailed(f"no {self.what}", str(event.get("message")), _about(event))
        note(f"no {self.what}", f"during {self.step}")
        return self


class Answers:
    """Some answers of the API server or a Service."""

    def __init__(self, found: list[Answer], step: str) -> None:
        self.found = found
        self.step = step

    def all_accepted(self) -> Answers:
        """There was at least one request, and each was accepted."""
        if not self.found:
            raise CheckFailed("at least one request", "none was made", f"during {self.step}")
        for answer in self.found:
            if not answer.ok:
                raise CheckFailed(
                    f"{answer.target} to be accepted",
                    f"refused ({answer.reason or answer.code}): {answer.message}",
                    answer.place or f"during {self.step}",
                )
        note(f"all {len(self.found)} objects accepted, strictly validated", f"during {self.step}")
        return self

    def refused(self, message: str = "") -> Answers:
        """Each request was refused, with `message` in the answer."""
        if not self.found:
            raise CheckFailed("a request that is refused", "none was made", f"during {self.step}")
        for answer in self.found:
            if answer.ok or message not in answer.message:
                said = "it was accepted" if answer.ok else answer.message
                raise CheckFailed(f"{answer.target} to be refused: {show(message)}", said)
            note(f"{answer.target} refused: {answer.message}", f"during {self.step}")
        return self


def _pods_of(what: str, of: str | None) -> str:
    return f"{what} of {of}" if of else what


def _placement(pods: list[Object]) -> dict[str, str]:
    bound = {pod["metadata"]["name"]: (pod.get("spec") or {}).get("nodeName") for pod in pods}
    return {name: node for name, node in bound.items() if node}


def _about(event: Object) -> str:
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind')}/{involved.get('name')}"


def _is_about(event: Object, about: str, reason: str | None) -> bool:
    return reason in (None, event.get("reason")) and fnmatchcase(_about(event), about)
