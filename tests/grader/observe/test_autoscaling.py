from __future__ import annotations

import time
from typing import Any

import pytest

from cluster.model import Capabilities, ClusterStatus
from grader.errors import MachineError
from grader.observe import autoscaling
from grader.observe.autoscaling import Looks, lookups, silence, unfinished
from grader.observe.client import ApiAnswer
from grader.observe.noise import only_measured
from grader.observe.patience import Patience
from grader.observe.settle import unsettled
from grader.observe.stage import Stage
from grader.observe.unheard import unheard
from tests.grader.observe.samples import an_object
from tests.grader.observe.test_apply import a_stage, api_of

Json = dict[str, Any]


def conditions(**reasons: str) -> list[Json]:
    """`ScalingActive="True ValidMetricFound"` as a list of conditions."""
    return [
        {"type": kind, "status": text.split()[0], "reason": text.split()[1]}
        for kind, text in reasons.items()
    ]


FOUND = {"ScalingActive": "True ValidMetricFound", "AbleToScale": "True ReadyForNewScale"}


def a_scaler(now: int = 2, wish: int = 2, spec: Json | None = None, **reasons: str) -> Json:
    reference = {"kind": "Deployment", "name": "web"}
    status: Json = {"currentReplicas": now, "desiredReplicas": wish}
    status["conditions"] = conditions(**(FOUND | reasons))
    whole = {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 8, **(spec or {})}
    return an_object("HorizontalPodAutoscaler", "web", spec=whole, status=status)


def state_with(scaler: Json, replicas: int = 2) -> dict[str, Any]:
    deployment = an_object("Deployment", "web", spec={"replicas": replicas})
    key = ("ml", "web")
    return {"HorizontalPodAutoscaler": {key: scaler}, "Deployment": {key: deployment}}


def just_moved() -> Json:
    status: Json = {"currentReplicas": 1, "desiredReplicas": 2}
    status["conditions"] = conditions(AbleToScale="True SucceededRescale")
    return a_scaler() | {"status": status}


HELD = {"AbleToScale": "True ScaleDownStabilized"}
DOWN = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}}}
STEP = {"behavior": {"scaleUp": {"policies": [{"periodSeconds": 60}]}}}


@pytest.mark.parametrize(
    ("scaler", "replicas", "left"),
    [
        (a_scaler(), 2, ""),
        (a_scaler(wish=4), 2, "is scaling to 4"),
        (a_scaler(), 4, "its controller has not seen its target's replicas"),
        (a_scaler(4, 4, **HELD), 4, "waits for its stabilization window"),
        # Held back from below the least: nothing can come of it.
        (a_scaler(**HELD), 2, ""),
        (a_scaler(4, 4, ScalingLimited="True ScaleUpLimit"), 4, "waits for the period"),
        (a_scaler(8, 8, ScalingLimited="True TooManyReplicas"), 8, ""),
        (a_scaler(ScalingActive="False FailedGetResourceMetric"), 2, ""),
        (a_scaler(0, 0, ScalingActive="False ScalingDisabled"), 0, ""),
        (a_scaler(0, 0, ScalingActive="False ScalingDisabled"), 3, "has not seen"),
        (a_scaler(AbleToScale="False FailedGetScale"), 2, "has not seen its target"),
        (a_scaler() | {"status": {}}, 2, "its controller has not seen it"),
        # It has just brought its target to the least, and has not looked at any metric yet.
        (just_moved(), 2, "has not asked for its metrics"),
    ],
)
def test_what_an_autoscaler_is_about_to_do(scaler: Json, replicas: int, left: str) -> None:
    found = unfinished(scaler, state_with(scaler, replicas))
    assert found.startswith(left) if left.startswith("waits") else left in found
    assert bool(found) is bool(left)


def test_without_load_a_window_is_not_waited_for() -> None:
    scaler = a_scaler(4, 4, **HELD)
    assert unfinished(scaler, state_with(scaler, 4), loaded=False) == ""
    assert unfinished(a_scaler(wish=4), state_with(scaler), loaded=False) != ""


def test_a_policy_that_forbids_a_direction_is_not_waited_for() -> None:
    never = {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}
    scaler = a_scaler(4, 4, never, ScalingLimited="True ScaleUpLimit")
    assert unfinished(scaler, state_with(scaler, 4)) == ""


@pytest.mark.parametrize(
    ("scaler", "seconds"),
    [
        (a_scaler(), 0.0),
        (a_scaler(4, 4, **HELD), 15.0),
        (a_scaler(4, 4, DOWN, **HELD), 6.0),
        (a_scaler(4, 4, STEP, ScalingLimited="True ScaleUpLimit"), 3.0),
    ],
)
def test_silence_lasts_as_long_as_the_window(scaler: Json, seconds: float) -> None:
    assert silence(scaler, 0.05, 0.05) == seconds


def test_patience_lasts_as_long_as_the_window() -> None:
    scaler = a_scaler(4, 4, DOWN, **HELD)
    state = state_with(scaler, 4)
    waiting = [one for one in unsettled(state) if one.about == scaler["metadata"]["uid"]]
    assert len(waiting) == 1
    patience = Patience((), 0.05, True, 0.05)
    assert patience.ends_at(state, waiting, 100.0, 101.0) >= 107.0


def test_after_a_move_the_window_is_waited_for_again() -> None:
    """It fell from six to four, and would fall further: another window lies before that."""
    patience = Patience((), 0.05, True, 0.05)
    for replicas, last_change, now, least in ((6, 100.0, 101.0, 107.0), (4, 107.0, 108.0, 114.0)):
        state = state_with(a_scaler(replicas, replicas, DOWN, **HELD), replicas)
        assert patience.ends_at(state, unsettled(state), last_change, now) >= least


def test_an_autoscaler_that_nobody_has_looked_at_is_a_fault_of_the_cluster() -> None:
    scaler = a_scaler() | {"status": {}}
    assert unheard({"HorizontalPodAutoscaler": {("ml", "web"): scaler}}, True) == (
        "the controller of HorizontalPodAutoscaler/web"
    )


@pytest.mark.parametrize(
    ("scaler", "count"),
    [
        (a_scaler(), 1),
        (a_scaler(spec={"metrics": [{"type": "Resource"}, {"type": "External"}]}), 2),
        (a_scaler(spec={"metrics": [{"type": "Pods"}]}), 0),
        (a_scaler(ScalingActive="False FailedGetResourceMetric"), 1),
        (a_scaler(ScalingActive="False ScalingDisabled"), 0),
    ],
)
def test_questions_of_each_look(scaler: Json, count: int) -> None:
    assert lookups(scaler) == count


def test_a_measured_value_alone_is_no_change() -> None:
    old, new = a_scaler(), a_scaler()
    new["metadata"]["resourceVersion"] = "9"
    new["status"]["currentMetrics"] = [{"type": "Resource"}]
    assert only_measured(old, new)
    assert not only_measured(old, a_scaler(wish=3))
    assert not only_measured(None, new)


OLD, NEW = 5.0, 0.0
"""Seconds since a look that came before what changed, and since one that came after it."""


def looking_stage(*looked: list[float]) -> Stage:
    """A stage whose simulation answers with these ages of looks, one list after another."""
    stage = a_stage()
    stage.loaded = True
    stage.recorder.state.update(state_with(a_scaler()))
    capabilities = Capabilities(load="simulated")
    stage.cluster = ClusterStatus(
        name="test", provider="none", running=True, capabilities=capabilities
    )

    answers = list(looked)

    def respond(method: str, path: str) -> ApiAnswer:
        ages = answers.pop(0) if len(answers) > 1 else answers[0]
        return ApiAnswer(200, body={"looked": {"pods?labelSelector=app": ages}})

    api_of(stage).respond = respond
    return stage


def test_the_controller_must_have_looked_twice_since_the_last_change() -> None:
    looks = Looks(looking_stage([OLD], [OLD], [OLD, NEW], [OLD, NEW, NEW]))
    changed = time.monotonic() - 1.0
    assert [looks.done(changed) for _ in range(4)] == [False, False, False, True]


def test_a_look_that_was_answered_late_does_not_count() -> None:
    late = [OLD, OLD]  # the second question came before the change, and its answer after it
    looks = Looks(looking_stage([OLD], late, [*late, NEW], [*late, NEW, NEW]))
    changed = time.monotonic() - 1.0
    assert [looks.done(changed) for _ in range(4)] == [False, False, False, True]


def test_a_change_begins_the_count_anew() -> None:
    looks = Looks(looking_stage([OLD], [OLD, OLD, OLD], [OLD], [OLD, NEW], [NEW, NEW]))
    before = time.monotonic() - 2.0
    assert [looks.done(before) for _ in range(1)] == [False]
    assert [looks.done(before + 1.0) for _ in range(4)] == [False, False, False, True]


def test_a_controller_that_looks_no_more_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "_UNHEARD", -1.0)
    looks = Looks(looking_stage([OLD]))
    changed = time.monotonic() - 1.0
    assert not looks.done(changed)
    with pytest.raises(MachineError, match="controller of autoscalers"):
        looks.done(changed)


def test_without_load_what_an_autoscaler_has_said_once_remains_true() -> None:
    stage = looking_stage([OLD])
    stage.loaded = False
    assert Looks(stage).done(time.monotonic())


def test_without_autoscalers_nobody_is_asked() -> None:
    stage = looking_stage([OLD])
    stage.recorder.state.clear()
    assert Looks(stage).done(time.monotonic())
    assert api_of(stage).requests == []


def a_budget(healthy: int, **status: Any) -> Json:
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
    whole = {"observedGeneration": 1, "currentHealthy": healthy, **status}
    return an_object("PodDisruptionBudget", "web", spec={"selector": selector}, status=whole)


def test_a_budget_has_settled_once_it_counts_its_pods_rightly() -> None:
    from tests.grader.observe.samples import a_pod

    key = ("ml", "web")
    pods = {("ml", name): a_pod(name) for name in ("web-1", "web-2")}

    def left(budget: Json) -> list[str]:
        state = {"Pod": pods, "PodDisruptionBudget": {key: budget}}
        return [str(one) for one in unsettled(state)]

    assert left(a_budget(2)) == []
    assert left(a_budget(1)) == ["PodDisruptionBudget/web: its Pods are being counted"]
    assert left(a_budget(2, disruptedPods={"web-1": "now"})) != []
    failed = conditions(DisruptionAllowed="False SyncFailed")
    assert left(a_budget(0, conditions=failed)) == []


def test_a_jobs_next_attempt_is_waited_for() -> None:
    job = an_object("Job", "fill", spec={"parallelism": 1, "completions": 1}, status={"failed": 2})
    reference = {"uid": job["metadata"]["uid"], "kind": "Job", "controller": True}
    pods = {
        ("ml", name): an_object(
            "Pod", name, metadata={"ownerReferences": [reference]}, status={"phase": "Failed"}
        )
        for name in ("fill-a", "fill-b")
    }
    state = {"Job": {("ml", "fill"): job}, "Pod": pods}
    patience = Patience((), 0.05, True)
    waiting = unsettled(state)
    assert waiting
    assert patience.ends_at(state, waiting, 100.0, 101.0) >= 121.0
    job["status"]["conditions"] = [{"type": "Failed", "status": "True"}]
    assert Patience((), 0.05, True).ends_at(state, waiting, 100.0, 101.0) < 110.0
