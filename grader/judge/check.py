"""The decorator that turns a pytest function into a check with points, a title and a hint."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from grader.errors import CourseError
from grader.model.result import NEEDS_ORDER, Needs

Function = TypeVar("Function", bound=Callable[..., Any])

FIXTURES = ("manifests", "recording")
_ATTRIBUTE = "__mlk8s_check__"


@dataclass(frozen=True)
class CheckInfo:
    """What the decorator says of one check. `uses` are the fixtures that it asks for."""

    id: str
    title: str
    points: float
    needs: Needs
    hint: str
    after: tuple[str, ...]
    uses: tuple[str, ...]
    explain: bool = True


def check(
    points: float,
    *,
    hint: str,
    needs: Needs = "manifests",
    after: str | tuple[str, ...] = (),
    explain: bool = True,
) -> Callable[[Function], Function]:
    """Declare a check worth `points`; the docstring's first line is its title.

    `needs` names what the evidence must come from, `after` earlier checks of the lab without which
    this one is not examined. Without `explain` a failure does not show the cause chain, for checks
    where finding it is the learner's task. Raises CourseError at import for a check that is not
    well formed.
    """

    def mark(function: Function) -> Function:
        info = replace(_describe(function, points, needs, hint, after), explain=explain)
        setattr(function, _ATTRIBUTE, info)
        return function

    return mark


def info_of(function: object) -> CheckInfo | None:
    """The CheckInfo of a decorated function, else None."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, CheckInfo) else None


def _describe(
    function: Callable[..., Any],
    points: float,
    needs: Needs,
    hint: str,
    after: str | tuple[str, ...],
) -> CheckInfo:
    name = function.__name__
    title = (inspect.getdoc(function) or "").split("\n", 1)[0].strip()
    uses = tuple(inspect.signature(function).parameters)
    faults = {
        "its name must begin with test_": not name.startswith("test_"),
        "its docstring must be a title ending in a full stop": not title.endswith("."),
        "points must be above 0": points <= 0,
        "it needs a hint": len(hint.strip()) < 10,
        f"needs must be one of {', '.join(NEEDS_ORDER)}": needs not in NEEDS_ORDER,
        "it may ask for manifests and recording only": not set(uses) <= set(FIXTURES),
        "it must ask for manifests or recording": not uses,
        "a check of a recording must say what it needs": "recording" in uses
        and needs == "manifests",
        "a check of manifests alone needs only manifests": "recording" not in uses
        and needs != "manifests",
    }
    for fault, present in faults.items():
        if present:
            raise CourseError(f"check {name}: {fault}")
    prerequisites = (after,) if isinstance(after, str) else tuple(after)
    return CheckInfo(name, title, float(points), needs, hint.strip(), prerequisites, uses)
