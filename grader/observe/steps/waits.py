"""The steps `settle` and `wait-gone`, which only wait."""

from __future__ import annotations

from grader.model.scenario import Settle, WaitGone
from grader.observe.stage import Stage
from grader.observe.waiting import Outcome, settle, wait_gone


def play_settle(stage: Stage, action: Settle) -> Outcome:
    """Wait until nothing is left to do."""
    return settle(stage, action.within)


def play_wait_gone(stage: Stage, action: WaitGone) -> Outcome:
    """Wait until what was deleted is gone."""
    return wait_gone(stage, action.within)
