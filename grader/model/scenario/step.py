"""A step: one action of a scenario, and the name under which checks find it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from grader.model.scenario.base import Action
from grader.model.scenario.nodes import Cordon, Drain
from grader.model.scenario.objects import Apply, Clone, Delete, May, Send
from grader.model.scenario.tools import Rules
from grader.model.scenario.traffic import Load, Queue, Request
from grader.model.scenario.waits import Settle, WaitFor, WaitGone
from grader.model.scenario.workloads import DeletePod, Finish, Kill, Roll, Scale, Trigger, Undo

ACTIONS: dict[str, type[Action]] = {
    "apply": Apply,
    "settle": Settle,
    "roll": Roll,
    "scale": Scale,
    "undo": Undo,
    "delete-pod": DeletePod,
    "kill": Kill,
    "drain": Drain,
    "cordon": Cordon,
    "load": Load,
    "queue": Queue,
    "request": Request,
    "clone": Clone,
    "finish": Finish,
    "trigger": Trigger,
    "send": Send,
    "may": May,
    "rules": Rules,
    "wait-for": WaitFor,
    "delete": Delete,
    "wait-gone": WaitGone,
}

UNNAMED = ("settle", "wait-for", "wait-gone")
"""Actions that belong to the step before them unless they are given a name of their own."""


class Step(BaseModel):
    """One step: its action, and the name that checks use (None: part of the step before)."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: str
    name: str | None
    action: Action

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, raw: Any) -> Any:
        """Turn `{roll: {...}, as: roll}` into kind, name and action."""
        if isinstance(raw, str):
            raw = {raw: {}}
        if not isinstance(raw, dict):
            raise ValueError("a step is a mapping with one action")
        kinds = [key for key in raw if key != "as"]
        if len(kinds) != 1 or kinds[0] not in ACTIONS:
            raise ValueError(f"a step has exactly one action of {', '.join(ACTIONS)}; got {kinds}")
        kind = kinds[0]
        name = raw.get("as") or (None if kind in UNNAMED else kind)
        action = ACTIONS[kind].model_validate(raw[kind] or {})
        return {"kind": kind, "name": name, "action": action}
