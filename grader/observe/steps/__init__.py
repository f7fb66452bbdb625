"""The steps of a scenario, each in a module of its own, found by the name that lab.yaml uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.errors import CourseError
from grader.observe.stage import Stage
from grader.observe.steps.apply import play_apply
from grader.observe.steps.clone import play_clone
from grader.observe.steps.cordon import play_cordon
from grader.observe.steps.delete import play_delete
from grader.observe.steps.delete_pod import play_delete_pod
from grader.observe.steps.finish import play_finish
from grader.observe.steps.request import play_request
from grader.observe.steps.roll import play_roll
from grader.observe.steps.send import play_send
from grader.observe.steps.trigger import play_trigger
from grader.observe.steps.waits import play_settle, play_wait_gone
from grader.observe.waiting import Outcome

StepPlayer = Callable[[Stage, Any], Outcome | None]
"""Plays one action. None means that the usual settling follows; an Outcome, that it is done."""


def _not_yet(stage: Stage, action: Any) -> Outcome | None:
    del action
    raise CourseError(f"The step {stage.step} cannot be played yet.")


PLAYERS: dict[str, StepPlayer] = {
    "apply": play_apply,
    "settle": play_settle,
    "roll": play_roll,
    "delete-pod": play_delete_pod,
    "clone": play_clone,
    "trigger": play_trigger,
    "finish": play_finish,
    "cordon": play_cordon,
    "send": play_send,
    "request": play_request,
    "load": _not_yet,
    "queue": _not_yet,
    "scale": _not_yet,
    "undo": _not_yet,
    "kill": _not_yet,
    "drain": _not_yet,
    "may": _not_yet,
    "wait-for": _not_yet,
    "delete": play_delete,
    "wait-gone": play_wait_gone,
}

__all__ = ["PLAYERS", "StepPlayer"]
