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
from grader.observe.steps.drain import play_drain
from grader.observe.steps.finish import play_finish
from grader.observe.steps.kill import play_kill
from grader.observe.steps.may import play_may
from grader.observe.steps.request import play_request
from grader.observe.steps.roll import play_roll
from grader.observe.steps.rules import play_rules
from grader.observe.steps.scale import play_scale
from grader.observe.steps.send import play_send
from grader.observe.steps.traffic import play_load, play_queue
from grader.observe.steps.trigger import play_trigger
from grader.observe.steps.undo import play_undo
from grader.observe.steps.wait_for import play_wait_for
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
    "send": play_send,
    "request": play_request,
    "load": play_load,
    "queue": play_queue,
    "scale": play_scale,
    "undo": play_undo,
    "kill": play_kill,
    "drain": play_drain,
    "may": play_may,
    "rules": play_rules,
    "wait-for": play_wait_for,
    "delete": play_delete,
    "wait-gone": play_wait_gone,
}

__all__ = ["PLAYERS", "StepPlayer"]
