"""The fixture `recording`: what happened, as a whole or during one step."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self, TypeVar

from grader.errors import CourseError
from grader.judge.failure import CheckFailed
from grader.judge.language.answers import Answers, Evictions, Permission
from grader.judge.language.expectation import note
from grader.judge.language.places import endpoints_of, one_place, only
from grader.judge.language.reach import Reachability, recorded
from grader.judge.language.series import moments_of
from grader.judge.language.state import Endpoint, History, State
from grader.judge.language.timeline import Moment, Timeline
from grader.judge.language.words import Words
from grader.model.recording import Mark, Object, Recording

if TYPE_CHECKING:
    from grader.judge.causes import Chain

Value = TypeVar("Value")


class Span:
    """A stretch of a recording, and the timelines that a check may draw from it."""

    def __init__(
        self,
        history: History,
        step: str,
        begin: Mark | None,
        end: Mark | None,
        namespace: str | None = None,
    ) -> None:
        self._history = history
        self.step = step
        self._begin = begin
        self._end = end
        self._namespace = namespace

    @property
    def recording(self) -> Recording:
        """The recording itself, for what has no word of its own."""
        return self._history.recording

    def inside(self, namespace: str) -> Self:
        """The same span, narrowed to one namespace and to what is in none, such as Nodes."""
        if namespace not in self.recording.namespaces:
            known = ", ".join(self.recording.namespaces)
            raise CourseError(f"the lab has no namespace {namespace!r}; it has {known}")
        narrowed = copy(self)
        narrowed._namespace = namespace
        return narrowed

    def _concerns(self, namespace: str | None) -> bool:
        return self._namespace is None or (namespace or "") in ("", self._namespace)

    def timeline(
        self, subject: str, kinds: tuple[str, ...], view: Callable[[State], Value]
    ) -> Timeline[Value]:
        """`view` of the state at the span's beginning, and after each change of one of `kinds`."""
        began = self._begin.at if self._begin else 0.0
        version = self._begin.version if self._begin else 0
        moments: list[Moment[Value]] = []
        end = self._end.version if self._end else None
        for change, state in self._history.moments(version, end):
            state = state.inside(self._namespace)
            if change is None:
                moments.append(Moment(began, version, view(state)))
            elif change.object["kind"] in kinds and self._concerns(
                change.object["metadata"].get("namespace")
            ):
                moments.append(Moment(change.at, change.version, view(state)))
        ended = (self._end.at, self._end.version) if self._end else None
        return Timeline(subject, moments, (self.step, began), self._is_blind(kinds), ended)

    def object(self, kind: str, name: str) -> Timeline[Object | None]:
        """One object or None, over time."""
        return self.timeline(f"{kind}/{name}", (kind,), lambda state: only(state, kind, name))

    def objects(self, kind: str) -> Timeline[list[Object]]:
        """All objects of a kind, over time."""
        return self.timeline(f"objects of kind {kind}", (kind,), lambda state: state.objects(kind))

    def pods(self, of: str | None = None) -> Timeline[list[Object]]:
        """Pods, or the Pods of `Kind/name`, over time."""
        return self.timeline(
            _pods_of("Pods", of), ("Pod",), lambda state: one_place(state.pods(of), of)
        )

    def ready_pods(self, of: str | None = None) -> Timeline[list[Object]]:
        """Ready Pods that are not being deleted, over time."""
        return self.timeline(
            _pods_of("ready Pods", of),
            ("Pod",),
            lambda state: one_place(state.ready_pods(of), of),
        )

    def endpoints(self, service: str) -> Timeline[list[Endpoint]]:
        """Ready endpoints of a Service, over time."""
        return self.timeline(
            f"ready endpoints of Service {service}",
            ("EndpointSlice",),
            lambda state: endpoints_of(state, service),
        )

    def node_of_pods(self, of: str | None = None) -> Timeline[dict[str, str]]:
        """Pod name -> node name of the Pods that are bound to a node, over time."""
        return self.timeline(
            _pods_of("nodes of Pods", of),
            ("Pod",),
            lambda state: _placement(one_place(state.pods(of), of)),
        )

    def replica_sets(self, of: str) -> Timeline[list[Object]]:
        """ReplicaSets of `Deployment/name`, over time."""
        return self.timeline(
            f"ReplicaSets of {of}",
            ("ReplicaSet",),
            lambda state: one_place(state.replica_sets(of), of),
        )

    def replicas(self, of: str) -> Timeline[int | None]:
        """Wanted replicas of `Kind/name` over time; None while it is not there."""
        kind, _, name = of.partition("/")
        return self.timeline(f"wanted replicas of {of}", (kind,), lambda s: _wanted(s, kind, name))

    def series(self, series: str, of: str | None = None) -> Timeline[dict[str, float]]:
        """Values of a series by name over time: `cpu` (cores) and `memory` (bytes) by Pod, `rate`
        (requests a second) by Service, `queue` by metric.

        `of` narrows it: `Deployment/web` to its Pods, or `Pod/x`, `Service/x`, or a queue's name.
        """
        began = self._begin.at if self._begin else 0.0
        ended = (self._end.at, self._end.version) if self._end else None
        found = moments_of(self._history, series, of, self._namespace)
        before = [moment for moment in found if moment.at < began]
        until = ended[0] if ended else float("inf")
        version = self._begin.version if self._begin else 0
        moments = [Moment(began, version, before[-1].value if before else {})]
        moments += [moment for moment in found if began <= moment.at < until]
        return Timeline(_pods_of(series, of), moments, (self.step, began), False, ended)

    def network(self) -> Reachability:
        """Who may reach whom under the NetworkPolicies, as they are at the end of the span."""
        state = self._history.at(self._end.version if self._end else None)
        state = state.inside(self._namespace)
        policies, namespaces = state.objects("NetworkPolicy"), state.objects("Namespace")
        return recorded(policies, namespaces, state.pods)

    def events(self, about: str = "*", reason: str | None = None) -> Events:
        """Events of the span about `Kind/name` (with `*` as a wildcard), newest count of each."""
        latest: dict[str, Object] = {}
        for change in self._history.changes:
            if change.object["kind"] != "Event" or change.verb == "deleted":
                continue
            if not self._concerns(change.object["metadata"].get("namespace")):
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
            and self._concerns(answer.namespace)
            and fnmatchcase(answer.target, target)
            and (self._begin is None or answer.step == self.step)
        ]
        return Answers(found, self.step)

    def cause(self, of: str, namespace: str | None = None) -> Chain | None:
        """Why `Kind/name` is unhealthy when the span ends, or None: `grader.judge.causes`."""
        from grader.judge.causes import causes_of

        end, at = (self._end.version, self._end.at) if self._end else (None, None)
        place = namespace or self._namespace
        return causes_of(self, of, namespace=place, moment=end, until=at)

    def may(
        self, verb: str, resource: str, *, who: str, name: str = "", namespace: str | None = None
    ) -> Permission:
        """What the authorizer said of a question that the scenario asked, the last time it did.

        `resource` may have a subresource: `pods/log`. `namespace` is needed only where the same
        was asked in several; an empty one means everywhere.
        """
        target = f"{verb} {resource} {name}".rstrip()
        found = [
            answer
            for answer in self.answers("may").found
            if (answer.target, answer.actor) == (target, who)
            and namespace in (None, answer.namespace)
        ]
        if len({answer.namespace for answer in found}) != 1:
            problem = "is asked in several namespaces" if found else "is not asked"
            raise CourseError(f"whether {who} may {target} {problem} in {self.step}")
        return Permission(found[-1], found[-1].step)

    def evictions(self, of: str | None = None) -> Evictions:
        """How the evictions of the span went, or those of the Pods of `Kind/name`."""
        found = self.answers("evict").found
        if of is not None:
            pods = self._history.pods_ever(of)
            found = [a for a in found if (a.namespace, a.target) in pods or a.target == of]
        return Evictions([a for a in found if a.code != 404], self.step)

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
                return Span(self._history, step, mark, next(later, None), self._namespace)
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


def _pods_of(what: str, of: str | None) -> str:
    return f"{what} of {of}" if of else what


def _wanted(state: State, kind: str, name: str) -> int | None:
    found = only(state, kind, name)
    wanted = None if found is None else (found.get("spec") or {}).get("replicas", 1)
    return None if wanted is None else int(wanted)


def _placement(pods: list[Object]) -> dict[str, str]:
    bound = {pod["metadata"]["name"]: (pod.get("spec") or {}).get("nodeName") for pod in pods}
    return {name: node for name, node in bound.items() if node}


def _about(event: Object) -> str:
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind')}/{involved.get('name')}"


def _is_about(event: Object, about: str, reason: str | None) -> bool:
    return reason in (None, event.get("reason")) and fnmatchcase(_about(event), about)
