"""A moment within a run of a crash loop is not the end of the story."""

from __future__ import annotations

from typing import Any

import pytest

from grader.model.recording import Change
from grader.observe.patience import CIRCLING_SIMULATED, NEXT_END_SIMULATED, Patience
from grader.observe.relapse import relapses
from grader.observe.settle import Waiting
from tests.grader.observe.samples import a_pod, state_of

Json = dict[str, Any]


def seen(restarts: int, state: str, part: str = "containerStatuses") -> Json:
    pod = a_pod("web-1")
    entry = {"name": "main", "restartCount": restarts, "state": {state: {}}}
    pod["status"] = {**pod["status"], "containerStatuses": [], part: [entry]}
    return pod


def story(*steps: tuple[float, int, str], part: str = "containerStatuses") -> list[Change]:
    """Changes of one Pod: when, restarts, state."""
    return [
        Change(at, version, "modified", seen(restarts, state, part))
        for version, (at, restarts, state) in enumerate(steps, 1)
    ]


def texts(changes: list[Change], now: float, simulated: bool = True) -> list[tuple[str, float]]:
    state = state_of(changes[-1].object)
    found = relapses(state, changes, now, simulated)
    return [(waiting.text, round(until, 3)) for waiting, until in found]


@pytest.mark.parametrize("part", ["containerStatuses", "initContainerStatuses"])
def test_one_that_was_started_again_must_outlast_its_last_run(part: str) -> None:
    changes = story((1.0, 0, "running"), (1.4, 0, "terminated"), (2.0, 1, "running"), part=part)
    assert texts(changes, 2.1) == [("Pod/web-1: main has just been started again", 2.9)]
    assert texts(changes, 2.95) == []


def test_each_run_is_measured_by_the_one_before() -> None:
    changes = story(
        (1.0, 0, "running"),
        (1.1, 0, "running"),
        (1.4, 1, "waiting"),
        (2.0, 1, "running"),
        (3.0, 1, "terminated"),
        (3.5, 2, "waiting"),
        (4.0, 2, "running"),
        (4.1, 2, "running"),
    )
    assert texts(changes, 4.2) == [("Pod/web-1: main has just been started again", 5.8)]


def test_who_ran_for_long_is_not_in_a_loop() -> None:
    changes = story((1.0, 0, "running"), (9.0, 0, "terminated"), (9.5, 1, "running"))
    assert texts(changes, 9.6) == []
    assert texts(changes, 9.6, simulated=False) != []


@pytest.mark.parametrize(
    "changes",
    [
        story((1.0, 0, "running")),
        story((1.0, 0, "running"), (1.4, 1, "waiting")),
        story((2.0, 3, "running")),
    ],
    ids=["first run", "between two runs", "its past was not seen"],
)
def test_nothing_is_waited_for(changes: list[Change]) -> None:
    assert texts(changes, 2.1) == []


def test_a_loop_is_over_between_two_runs() -> None:
    ends = {}
    for state in ("running", "waiting"):
        patience = Patience((), 0.05, simulated=True)
        pod = seen(4, state)
        waiting = [Waiting(pod["metadata"]["uid"], "Pod/web-1 is not ready")]
        ends[state] = patience.ends_at(state_of(pod), waiting, 0.0, 100.0)
    assert ends["waiting"] == 100.0 + CIRCLING_SIMULATED
    assert ends["running"] == ends["waiting"] + NEXT_END_SIMULATED
