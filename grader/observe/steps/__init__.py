"""The steps of a scenario, each in a module of its own, found by the name that lab.yaml uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.observe.stage import Stage
from grader.observe.steps.apply import play_apply
from grader.observe.steps.clone import play_clone
from grader.observe.steps.cordon import play_cordon
from grader.observe.steps.delete import play_delete
from grader.observe.steps.delete_pod import play_delete_pod
from grader.observe.steps.finish import play_finish
from grader.observe.steps.request import play_request
from grader.observe.steps.roll import play_roll
from grader.observe.steps.trigger import play_trigger
from grader.observe.steps.trying import play_try
from grader.observe.steps.waits import play_settle, play_wait_gone
from grader.observe.waiting import Outcome

StepPlayer = Callable[[Stage, Any], Outcome | None]
"""Plays one action. None means that the usual settling follows; an Outcome, that it is done."""

PLAYERS: dict[str, StepPlayer] = {
    "apply": play_apply,
    "settle": play_settle,
    "roll": play_roll,
    "delete-pod": play_delete_pod,
    "clone": play_clone,
    "trigger": play_trigger,
    "finish": play_finish,
    "cordon": play_cordon,
    "try": play_try,
    "request": play_request,
    "delete": play_delete,
    "wait-gone": play_wait_gone,
}

__all__ = ["PLAYERS", "StepPlayer"]
