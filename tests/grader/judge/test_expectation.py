"""How values are shown to learners."""

from __future__ import annotations

from typing import Any

import pytest

from grader.judge.language.expectation import show


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ("3", "'3'"),
        ("1.5", "'1.5'"),
        ("1e3", "'1e3'"),
        ("true", "'true'"),
        (True, "true"),
        (None, "nothing"),
        ("null", "'null'"),
        ("", "''"),
        (" a", "' a'"),
        ("v1.27", "v1.27"),
        ("500m", "500m"),
        ("25%", "25%"),
        ({"a": ["1", 1]}, "{a: ['1', 1]}"),
    ],
)
def test_a_string_looks_like_one(value: Any, shown: str) -> None:
    assert show(value) == shown
