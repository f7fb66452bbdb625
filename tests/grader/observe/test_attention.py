"""Autoscalers whose controller looked too rarely for a window to hold anything."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.model import Capabilities, ClusterStatus
from grader.errors import MachineError
from grader.model.recording import Change
from grader.observe.attention import fallen_at_once, longest_gap, prove_attentive
from grader.observe.client import ApiAnswer
from grader.observe.stage import Stage
from tests.grader.observe.samples import an_object
from tests.grader.observe.test_apply import a_stage, api_of

Json = dict[str, Any]
FALL = ["ReadyForNewScale 20", "SucceededRescale 3"]
HELD = ["ReadyForNewScale 20", "ScaleDownStabilized 20", "SucceededRescale 3"]
MINUTES_AGO = 60.0


def scaler(said: str, window: int | None = 120) -> Json:
    reason, wish = said.split()
    conditions = [{"type": "AbleToScale", "status": "True", "reason": reason}]
    down = {} if window is None else {"scaleDown": {"stabilizationWindowSeconds": window}}
    return an_object(
        "HorizontalPodAutoscaler",
        "web",
        spec={"behavior": down},
        status={"desiredReplicas": int(wish), "conditions": conditions},
    )


def changes(said: list[str], window: int | None = 120) -> list[Change]:
    """One change a second, the first at second 10."""
    return [
        Change(10.0 + place, 100 + place, "modified", scaler(one, window))
        for place, one in enumerate(said)
    ]


@pytest.mark.parametrize(
    ("said", "since", "names"),
    [
        (FALL, 11, ["web"]),
        (FALL, 12, []),  # it fell in the step before
        (HELD, 11, []),
        (HELD, 12, ["web"]),  # held in the step before, which says nothing of this one
        (["ReadyForNewScale 3", "SucceededRescale 20"], 11, []),
        (["SucceededRescale 3"], 0, []),
    ],
)
def test_autoscalers_that_fell_at_once(said: list[str], since: float, names: list[str]) -> None:
    found = fallen_at_once(changes(said), since)
    assert [one["metadata"]["name"] for one in found] == names


@pytest.mark.parametrize(
    ("ages", "span", "gap"),
    [
        ([], 30, 0),
        ([5], 30, 0),
        ([31, 30, 20, 19, 18], 25, 10),  # the look before the step counts for the one in it
        ([40, 30, 2, 1], 25, 28),
        ([60, 40, 30], 25, 0),  # nobody looked in the step: others tell that
    ],
)
def test_the_longest_time_without_a_look(ages: list[float], span: float, gap: float) -> None:
    assert longest_gap({"pods": ages}, span) == gap


def slow_stage(ages: list[float], window: int | None = 120, said: list[str] = FALL) -> Stage:
    """A run in which an autoscaler fell, on a cluster twenty times faster than life."""
    stage = a_stage()
    stage.loaded, stage.tempo = True, 0.05
    capabilities = Capabilities(load="simulated", time_factor=0.05)
    stage.cluster = ClusterStatus(
        name="test", provider="none", running=True, capabilities=capabilities
    )
    stage.recorder.changes.extend(changes(said, window))
    api_of(stage).respond = lambda method, path: ApiAnswer(200, body={"looked": {"pods": ages}})
    return stage


@pytest.mark.parametrize("window", [120, None, 30])
def test_a_machine_that_let_the_controller_look_too_rarely_is_a_fault(window: int | None) -> None:
    with pytest.raises(MachineError, match="did not look for 31 s"):
        prove_attentive(slow_stage([40, 9, 8], window), since=-MINUTES_AGO)


@pytest.mark.parametrize(
    ("ages", "window"),
    [
        ([10, 9, 8, 7], 120),  # so the window was not kept: a verdict
        ([10, 9, 7.5, 6.5], 10),  # a window too short to be seen is no fault of the machine
        ([40, 9, 8], 0),  # and where none is declared, none is missed
    ],
)
def test_what_is_the_submissions_own_stays_a_verdict(ages: list[float], window: int) -> None:
    prove_attentive(slow_stage(ages, window), since=-MINUTES_AGO)


def test_a_window_that_was_seen_needs_no_more_proof() -> None:
    prove_attentive(slow_stage([40, 9, 8], said=HELD), since=-MINUTES_AGO)


def test_without_load_nobody_is_asked() -> None:
    stage = slow_stage([40, 9, 8])
    stage.loaded = False
    prove_attentive(stage, since=-MINUTES_AGO)
    assert api_of(stage).requests == []
