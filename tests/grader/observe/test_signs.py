from __future__ import annotations

from typing import Any

import pytest

from cluster.model import Capabilities, ClusterStatus
from grader.errors import MachineError
from grader.model.recording import Change
from grader.observe import signs
from grader.observe.client import ApiAnswer
from grader.observe.signs import await_simulation, prove_simulation
from grader.observe.stage import Stage
from tests.grader.observe.samples import a_pod
from tests.grader.observe.test_apply import a_stage, api_of


def a_simulation(answer: ApiAnswer, load: Any = "simulated") -> Stage:
    stage = a_stage()
    capabilities = Capabilities(load=load)
    stage.cluster = ClusterStatus(
        name="test", provider="none", running=True, capabilities=capabilities
    )
    stage.recorder.changes.append(Change(0.1, 1, "added", a_pod("web-1")))
    api_of(stage).respond = lambda method, path: answer
    return stage


def told(uid: str) -> ApiAnswer:
    return ApiAnswer(200, body={"faults": [{"uid": uid, "text": "Pod/web-1: ValueError: no"}]})


def test_a_broken_pod_of_the_run_is_a_fault_of_the_machine() -> None:
    with pytest.raises(MachineError, match="Pod/web-1: ValueError: no"):
        prove_simulation(a_simulation(told("uid-Pod-web-1")))


def test_another_runs_pod_is_not() -> None:
    prove_simulation(a_simulation(told("uid-of-another")))
    prove_simulation(a_simulation(ApiAnswer(200, body={"faults": []})))


def test_a_simulation_that_does_not_answer_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "_PATIENCE", -1.0)
    with pytest.raises(MachineError, match="does not answer: no endpoint"):
        prove_simulation(a_simulation(ApiAnswer(503, "ServiceUnavailable", "no endpoint")))


def test_where_nothing_is_simulated_nobody_is_asked() -> None:
    stage = a_simulation(told("uid-Pod-web-1"), load=None)
    prove_simulation(stage)
    assert api_of(stage).requests == []


def test_a_simulation_that_has_seen_the_latest_of_each_pod_has_caught_up() -> None:
    for seen in ({"uid-Pod-web-1": "7"}, {"uid-Pod-web-1": "8"}, {"uid-of-another": "1"}, {}):
        stage = a_simulation(ApiAnswer(200, body={"pods": seen}))
        stage.recorder.see("Pod", "added", a_pod("web-1", resourceVersion="7"), 7, 100)
        await_simulation(stage)


def test_one_that_stays_behind_a_pod_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "_PATIENCE", 0.01)
    stage = a_simulation(ApiAnswer(200, body={"pods": {"uid-Pod-web-1": "6"}}))
    stage.recorder.see("Pod", "added", a_pod("web-1", resourceVersion="7"), 7, 100)
    with pytest.raises(MachineError, match="does not see the latest of Pod/web-1"):
        await_simulation(stage)


def test_one_that_catches_up_is_waited_for() -> None:
    stage = a_simulation(told("uid"))
    stage.recorder.see("Pod", "added", a_pod("web-1", resourceVersion="7"), 7, 100)
    answers = [ApiAnswer(200, body={"pods": {"uid-Pod-web-1": str(n)}}) for n in (7, 6, 5)]
    api_of(stage).respond = lambda method, path: answers.pop()
    await_simulation(stage)
    assert answers == []


def test_it_tells_what_is_about_to_end() -> None:
    ends = {"uid-Pod-web-1": 0.75}
    stage = a_simulation(ApiAnswer(200, body={"pods": {}, "ends": ends}))
    assert await_simulation(stage) == ends


def test_real_kubelets_are_not_asked_whether_they_have_caught_up() -> None:
    stage = a_simulation(told("uid-Pod-web-1"), load=None)
    await_simulation(stage)
    assert api_of(stage).requests == []
