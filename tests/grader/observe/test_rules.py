"""The step `rules`, with the real promtool."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.binaries import find
from grader.errors import CourseError, MachineError
from grader.model.manifest import SourceFile
from grader.model.scenario import Rules
from grader.observe import bounded
from grader.observe.bounded import TooMuch
from grader.observe.client import ApiAnswer
from grader.observe.promtool import annotations_told, check_rules, test_rules
from grader.observe.steps.rules import play_rules

BINARY = find("promtool")
pytestmark = pytest.mark.skipif(BINARY is None, reason="promtool is not on this machine yet")

HIGH = '{alert: High, expr: "x > 1", for: 2m, labels: {severity: page}}'
LOW = '{alert: Low, expr: "x < 0"}'
NEVER = '{alert: Never, expr: "x * on (job) y"}'
TESTS = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: High/incident
    interval: 1m
    input_series: &series
      - {series: 'x{job="a"}', values: '0x4 5x10'}
      - {series: 'y{job="a",i="1"}', values: '1x20'}
      - {series: 'y{job="a",i="2"}', values: '1x20'}
    promql_expr_test:
      - expr: 'count(ALERTS{alertname="High",alertstate="firing"}) or vector(0)'
        eval_time: 10m
        exp_samples: [{labels: '{}', value: 1}]
  - name: Low/incident
    interval: 1m
    input_series: *series
    promql_expr_test:
      - expr: 'count(ALERTS{alertname="Low"}) or vector(0)'
        eval_time: 10m
        exp_samples: [{labels: '{}', value: 1}]
  - name: Never/incident
    interval: 1m
    input_series: *series
    promql_expr_test:
      - {expr: 'vector(0)', eval_time: 10m, exp_samples: [{labels: '{}', value: 0}]}
"""


def rules(*alerts: str) -> str:
    return "groups:\n- name: g\n  rules:\n" + "".join(f"  - {alert}\n" for alert in alerts)


class FakeStage(SimpleNamespace):
    """As much of a stage as the step uses."""

    def __init__(self, root: Path, text: str | None, name: str = "rules.yaml") -> None:
        sources = [] if text is None else [SourceFile(name, text)]
        super().__init__(
            lab=SimpleNamespace(root=root, id="11-lab"),
            submission=SimpleNamespace(sources=sources),
            said={},
            bodies={},
        )

    def answer(
        self, verb: str, target: str, said: ApiAnswer, place: str = "", body: str = ""
    ) -> None:
        assert verb == "promtool"
        self.said[target] = said
        self.bodies[target] = body


def played(tmp_path: Path, text: str | None, tests: str = TESTS, **more: Any) -> dict[str, Any]:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "a.yaml").write_text(tests)
    stage = FakeStage(tmp_path, text, **more)
    play_rules(stage, Rules(file="rules.yaml", tests=("given/*.yaml",)))  # type: ignore[arg-type]
    return stage.said


def test_each_test_gets_an_answer(tmp_path: Path) -> None:
    said = played(tmp_path, rules(HIGH, LOW))
    assert {target: answer.code for target, answer in said.items()} == {
        "check rules": 200,
        "High/incident": 200,
        "Low/incident": 422,
        "Never/incident": 200,
    }
    assert "got: {} 0E+00" in said["Low/incident"].message


def test_a_rule_that_cannot_be_evaluated_fails_its_own_tests_only(tmp_path: Path) -> None:
    said = played(tmp_path, rules(NEVER, HIGH, LOW))
    assert said["High/incident"].ok
    assert not said["Never/incident"].ok
    assert "it cannot be evaluated" in said["Never/incident"].message


def test_a_file_that_prometheus_refuses_is_not_tested(tmp_path: Path) -> None:
    said = played(tmp_path, rules(HIGH).replace("for:", "four:"))
    assert list(said) == ["check rules"]
    assert said["check rules"].code == 422
    assert "field four not found" in said["check rules"].message
    assert str(tmp_path) not in said["check rules"].message


@pytest.mark.parametrize("text", ["", "groups: 3", "groups: [1]", "- a\n", "\x00", "{" * 200])
def test_whatever_is_handed_in_gets_a_verdict(tmp_path: Path, text: str) -> None:
    said = played(tmp_path, text)
    assert said["check rules"].code in (200, 422)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert played(tmp_path, None)["check rules"].code == 404


def test_the_file_may_have_another_suffix(tmp_path: Path) -> None:
    assert played(tmp_path, rules(HIGH), name="rules.yml")["High/incident"].ok


def test_endless_work_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "LONGEST", 1.0)
    monkeypatch.setattr(bounded, "_TRIED_HARD", 0.0)
    endless = "{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}"
    bomb = rules('{alert: High, expr: "x > 1", annotations: {a: "' + endless + '"}}')
    said = played(tmp_path, bomb)
    assert said["check rules"].reason == "TooMuch"


def test_a_machine_without_time_is_no_fault_of_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LONGEST", 0.0)
    (tmp_path / "rules.yaml").write_text(rules(HIGH))
    assert BINARY is not None
    with pytest.raises(MachineError, match="on this machine"):
        check_rules(BINARY, tmp_path / "rules.yaml")


def test_a_faulty_test_is_the_courses_fault(tmp_path: Path) -> None:
    assert BINARY is not None
    (tmp_path / "rules.yaml").write_text(rules(HIGH))
    (tmp_path / "a.yaml").write_text(TESTS.replace("input_series", "inputs"))
    with pytest.raises(CourseError):
        test_rules(BINARY, tmp_path, ["a.yaml"])


def test_too_much_is_no_grader_error() -> None:
    assert not issubclass(TooMuch, MachineError)


test_rules.__test__ = False  # type: ignore[attr-defined] # promtool's test, not pytest's


def test_what_an_alert_says_is_told_as_prometheus_fills_it_in(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "a.yaml").write_text(TESTS)
    text = "annotations: {summary: '{{ $labels.job }} \"at\" {{ $value }}{{ $labels.gone }}'}}"
    stage = FakeStage(tmp_path, rules(NEVER, HIGH.replace("labels: {severity: page}}", text), LOW))
    action = Rules(file="rules.yaml", tests=("given/*.yaml",), told="given/a.yaml")
    play_rules(stage, action)  # type: ignore[arg-type]
    assert json.loads(stage.bodies["High/told"]) == [{"summary": 'a "at" 5'}]
    assert json.loads(stage.bodies["Low/told"]) == []
    assert json.loads(stage.bodies["Never/told"]) == []


def test_what_an_alert_says_under_names_of_any_kind(tmp_path: Path) -> None:
    annotations = '{summary: "{{ $value }} \\"x\\"", "dashboard-url": "https://a.example/b=c"}'
    alert = f'{{alert: High, expr: "x > 1", annotations: {annotations}}}'
    (tmp_path / "rules.yaml").write_text(rules(alert))
    asked = "    alert_rule_test: [{eval_time: 10m, alertname: High, exp_alerts: []}]"
    head = TESTS.partition("  - name: Low")[0].replace("High/incident", "High/told")
    (tmp_path / "told.yaml").write_text(head.partition("    promql_expr_test")[0] + asked)
    assert BINARY is not None
    (said,) = annotations_told(BINARY, tmp_path, "told.yaml")["High/told"]
    assert said == {"summary": '5 "x"', "dashboard-url": "https://a.example/b=c"}
