"""Checks for the tests of the judge; in a module that pytest does not collect."""

from __future__ import annotations

from typing import Any

from grader import check, expect
from grader.judge.failure import CheckFailed

HINT = "Look at the selector again."


@check(points=2, hint=HINT, needs="kubelet")
def test_endpoints(recording: Any) -> None:
    """There are two endpoints."""
    recording.endpoints("web").finally_(lambda ready: len(ready) == 2, "2")


@check(points=1, hint=HINT, needs="containers")
def test_answer(recording: Any) -> None:
    """The Service answers."""
    raise AssertionError("must not be examined")


@check(points=1, hint=HINT)
def test_crash(manifests: Any) -> None:
    """The grader has a bug."""
    {}["x"]


@check(points=4, hint=HINT)
def test_part(manifests: Any) -> None:
    """Half of it is right."""
    raise CheckFailed("all", "half", part=0.5)


@check(points=1, hint=HINT, after="test_endpoints")
def test_follow_up(manifests: Any) -> None:
    """What follows from it."""
    expect(True, "x", "y")
