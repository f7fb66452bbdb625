"""Answers to the scenario's requests: of the API server, its authorizer, or a Service."""

from __future__ import annotations

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.model.recording import Answer


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


class Permission:
    """What the authorizer said of one question of a `may` step."""

    def __init__(self, answer: Answer, step: str) -> None:
        self.answer = answer
        self.step = step

    @property
    def allowed(self) -> bool:
        """Whether it is allowed."""
        return self.answer.ok

    def is_allowed(self) -> Permission:
        """The account may do it."""
        return self._is(True)

    def is_denied(self) -> Permission:
        """The account may not."""
        return self._is(False)

    def _is(self, wanted: bool) -> Permission:
        answer = self.answer
        place = f" in namespace {answer.namespace}" if answer.namespace else " everywhere"
        what = f"{answer.actor} {{}} {answer.target}{place}"
        why = answer.message or "no Role or ClusterRole grants it"
        if self.allowed is not wanted:
            expected = what.format("to be allowed to" if wanted else "not to be allowed to")
            raise CheckFailed(expected, why, f"step {self.step}")
        note(f"{what.format('may' if wanted else 'may not')}: {why}", f"step {self.step}")
        return self


class Evictions:
    """The evictions of a `drain`: `let_go` those that were allowed, `held` those that never were.

    A Pod that was refused first and let go later counts as let go; `refusals` are all refusals.
    """

    def __init__(self, found: list[Answer], step: str) -> None:
        self.found = found
        self.step = step
        self.refusals = [answer for answer in found if not answer.ok]
        self.let_go = [answer for answer in found if answer.ok]
        gone = {(answer.namespace, answer.target) for answer in self.let_go}
        held = {(a.namespace, a.target): a for a in self.refusals}
        self.held = [answer for key, answer in held.items() if key not in gone]

    def all_let_go(self) -> Evictions:
        """At least one Pod was to be evicted, and every one was let go in the end."""
        self._some("to be evicted")
        for answer in self.held:
            raise CheckFailed(f"{answer.target} to be evicted", answer.message, self._where)
        note(f"all {len(self.let_go)} Pods were let go", self._where)
        return self

    def some_refused(self, message: str = "") -> Evictions:
        """At least one eviction was refused, for whatever time, with `message` in the answer."""
        self._some("whose eviction is refused")
        for answer in self.refusals:
            if message in answer.message:
                note(f"{answer.target} was held: {answer.message}", self._where)
                return self
        seen = self.refusals[0].message if self.refusals else "every Pod was let go at once"
        expected = f"an eviction to be refused: {show(message)}" if message else "a refusal"
        raise CheckFailed(expected, seen, self._where)

    def none_refused(self) -> Evictions:
        """At least one Pod was to be evicted, and each was let go at the first attempt."""
        self._some("to be evicted")
        for answer in self.refusals:
            raise CheckFailed(f"{answer.target} to be let go at once", answer.message, self._where)
        note(f"all {len(self.let_go)} Pods were let go at once", self._where)
        return self

    @property
    def _where(self) -> str:
        return f"during {self.step}"

    def _some(self, what: str) -> None:
        if not self.found:
            raise CheckFailed(f"at least one Pod {what}", "there was none", self._where)
