"""Stating what must hold, and keeping what was seen as evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from grader.judge.failure import CheckFailed
from grader.model.quantity import Quantity
from grader.model.result import Evidence

_facts: ContextVar[list[Evidence] | None] = ContextVar("mlk8s_facts", default=None)
MAX_FACTS = 40
MAX_TEXT = 400


def expect(condition: object, expected: str, observed: str, where: object = "") -> None:
    """Fail the running check unless `condition` holds; otherwise keep `observed` as evidence."""
    if not condition:
        raise CheckFailed(expected, shorten(observed), str(where))
    note(observed, where)


def note(text: str, where: object = "") -> None:
    """Add one observed fact to the evidence of the running check."""
    facts = _facts.get()
    if facts is not None and len(facts) < MAX_FACTS:
        facts.append(Evidence(text=shorten(text), where=str(where)))


@contextmanager
def collecting() -> Iterator[list[Evidence]]:
    """Collect what `note` and `expect` say inside the block."""
    facts: list[Evidence] = []
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
    if isinstance(value, Quantity):
        return str(value)
    if isinstance(value, str):
        return value if value and value.strip() == value else repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
