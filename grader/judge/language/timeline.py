"""Values over time, and what may be said of them: always, never, eventually, finally."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from grader.judge.failure import CheckFailed, EvidenceIncomplete
from grader.judge.language.expectation import note
from grader.judge.language.state import describe

Value = TypeVar("Value")


@dataclass(frozen=True)
class Moment(Generic[Value]):
    """A value and when it began to hold: seconds of the recording and resourceVersion."""

    at: float
    version: int
    value: Value


class Timeline(Generic[Value]):
    """How one value went during a span. It has at least one moment, the span's beginning.

    `subject` names the value ("ready endpoints of Service sentiment-inference"), `span` the step
    and its beginning in seconds, `end` the second and version at which it ended. `blind` tells
    that a watch missed changes within the span.
    """

    def __init__(
        self,
        subject: str,
        moments: Sequence[Moment[Value]],
        span: tuple[str, float],
        blind: bool = False,
        end: tuple[float, int] | None = None,
    ) -> None:
        self.subject = subject
        self.moments = list(moments)
        self.span = span
        self.blind = blind
        self._end = end

    @property
    def last(self) -> Value:
        """The value at the end of the span."""
        return self.moments[-1].value

    def values(self) -> list[Moment[Value]]:
        """Each different value in turn, with the moment when it began."""
        kept: list[Moment[Value]] = []
        for moment in self.moments:
            if not kept or kept[-1].value != moment.value:
                kept.append(moment)
        return kept

    def always(self, holds: Callable[[Value], object], expected: str) -> Timeline[Value]:
        """`holds` at every moment of the span. A span with a blind spot cannot prove it."""
        for moment in self.moments:
            if not holds(moment.value):
                self._fail(f"always {expected}", moment)
        self._see_everything()
        self._note(f"always {expected}")
        return self

    def never(self, holds: Callable[[Value], object], expected: str) -> Timeline[Value]:
        """`holds` at no moment of the span. `expected` names what must not be."""
        for moment in self.moments:
            if holds(moment.value):
                self._fail(f"never {expected}", moment)
        self._see_everything()
        self._note(f"never {expected}")
        return self

    def eventually(self, holds: Callable[[Value], object], expected: str) -> Timeline[Value]:
        """`holds` at some moment of the span."""
        for moment in self.moments:
            if holds(moment.value):
                self._note(f"{expected}: {describe(moment.value)}", moment)
                return self
        self._see_everything()
        self._fail(f"at some time {expected}", self._at_end())
        return self

    def finally_(self, holds: Callable[[Value], object], expected: str) -> Timeline[Value]:
        """`holds` at the end of the span."""
        if not holds(self.last):
            self._fail(f"in the end {expected}", self._at_end())
        self._note(f"in the end {describe(self.last)}", self._at_end())
        return self

    def _at_end(self) -> Moment[Value]:
        """The last value, at the end of the span rather than when it began to hold."""
        last = self.moments[-1]
        return Moment(*self._end, last.value) if self._end else last

    def _where(self, moment: Moment[Value]) -> str:
        step, began = self.span
        return f"{max(moment.at - began, 0):.1f} s into {step}"

    def _note(self, text: str, moment: Moment[Value] | None = None) -> None:
        step, _ = self.span
        seen = f" ({len(self.moments)} states seen)" if moment is None else ""
        note(f"{self.subject}: {text}{seen}", self._where(moment) if moment else f"during {step}")

    def _fail(self, expected: str, moment: Moment[Value]) -> None:
        raise CheckFailed(
            f"{self.subject} to be {expected}",
            describe(moment.value),
            self._where(moment),
            moment=moment.version,
        )

    def _see_everything(self) -> None:
        if self.blind:
            raise EvidenceIncomplete(
                f"the watch missed changes during {self.span[0]}, so this cannot be judged"
            )
