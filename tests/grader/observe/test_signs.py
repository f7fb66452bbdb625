from __future__ import annotations

from typing import Any

import pytest

from cluster.model import Capabilities, ClusterStatus
from grader.errors import MachineError
from grader.model.recording import Change
from grader.observe import signs
from grader.observe.client import ApiAnswer
from grader.observe.signs import prove_simulation
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
