"""Stating what must hold, and keeping what was seen as evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from grader.judge.failure import CheckFailed
from grader.model.result import Evidence

_facts: ContextVar[Facts | None] = ContextVar("mlk8s_facts", default=None)
MAX_FACTS = 40
MAX_TEXT = 400
_NO_STRING = re.compile(
    r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?|0[ox][\da-f]+|true|false|yes|no|on|off|null|~",
    re.IGNORECASE,
)
"""What YAML reads as a number, a boolean or nothing unless it is quoted (YAML 1.1)."""


def expect(condition: object, expected: str, observed: str, where: object = "") -> None:
    """Fail the running check unless `condition` holds; otherwise keep `observed` as evidence."""
    if not condition:
        raise CheckFailed(expected, shorten(observed), str(where))
    note(observed, where)


def note(text: str, where: object = "", weak: bool = False) -> None:
    """Add one observed fact to the evidence of the running check.

    A `weak` fact (an object is there at all) counts only where nothing better was seen.
    """
    facts = _facts.get()
    if facts is not None:
        facts.add(Evidence(text=shorten(text), where=str(where)), weak)


class Facts:
    """What one check saw."""

    def __init__(self) -> None:
        self._strong: list[Evidence] = []
        self._weak: list[Evidence] = []

    def add(self, fact: Evidence, weak: bool) -> None:
        """Keep one more, up to MAX_FACTS of each sort."""
        kept = self._weak if weak else self._strong
        if len(kept) < MAX_FACTS and fact not in kept:
            kept.append(fact)

    def all(self, simulated: bool) -> list[Evidence]:
        """The evidence, labelled with its source."""
        chosen = self._strong or self._weak
        return [fact.model_copy(update={"simulated": simulated}) for fact in chosen]


@contextmanager
def collecting() -> Iterator[Facts]:
    """Collect what `note` and `expect` say inside the block."""
    facts = Facts()
    token = _facts.set(facts)
    try:
        yield facts
    finally:
        _facts.reset(token)


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """`text`, cut in the middle when longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]} … {text[-half:]}"


def show(value: Any) -> str:
    """A value as a learner would write it in YAML, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {show(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(entry) for entry in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        bare = value and value.strip() == value and not _NO_STRING.fullmatch(value)
        return value if bare else repr(value)
    return str(value)
