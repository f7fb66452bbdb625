"""Actions that only wait."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator, model_validator

from grader.model.paths import parse_path
from grader.model.scenario.base import Action, ObjectRef


class Settle(Action):
    """Wait until no controller has anything left to do, or nothing changes any more."""


class WaitGone(Action):
    """Wait until what was deleted is really gone, finalizers and all."""


class WaitFor(Action):
    """Wait for a moment in the middle of things: until one object is as it is told here.

    `path` names a field, with `equals`, `at_least` or `at_most`; a field that is not there yet is
    0 to `at_least` and `at_most`. `condition` names a condition that must be True instead, and
    `gone: true` waits until the object is no more. The step ends `reached` at the very change that
    brings it (the next step begins then, without any settling), or `too long` after `within`.

    Example: `wait-for: {object: Deployment/web, path: status.readyReplicas, at_least: 3}`,
    `wait-for: {object: Job/trainer, condition: Complete}`.
    """

    object: ObjectRef
    path: str | None = None
    equals: Any = None
    at_least: float | None = None
    at_most: float | None = None
    condition: str | None = None
    gone: bool = False

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str | None) -> str | None:
        if path is not None:
            parse_path(path)
        return path

    @model_validator(mode="after")
    def _one_condition(self) -> WaitFor:
        said = {"equals", "at_least", "at_most"} & self.model_fields_set
        ways = (self.path is not None) + (self.condition is not None) + self.gone
        if ways != 1 or (self.path is not None) != bool(said):
            raise ValueError(
                "wait-for takes a path with equals, at_least or at_most; or a condition; or gone"
            )
        return self
