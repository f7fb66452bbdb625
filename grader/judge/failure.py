"""How a check says no."""

from __future__ import annotations


class CheckFailed(AssertionError):
    """A check is disproven.

    `expected` and `observed` are short noun phrases; `where` is `file:line`, or an object and the
    second of the recording. `part` is the share of the points earned all the same, 0 to 1.
    `moment` is the resourceVersion at which a recording showed it, for the cause chain.
    """

    def __init__(
        self,
        expected: str,
        observed: str,
        where: str = "",
        part: float = 0.0,
        moment: int | None = None,
    ) -> None:
        super().__init__(f"expected {expected}, observed {observed}")
        self.expected = expected
        self.observed = observed
        self.where = where
        self.part = part
        self.moment = moment


class EvidenceIncomplete(Exception):
    """The recording cannot answer: it has a gap, or broke off. Judged as `error`, never a zero."""
