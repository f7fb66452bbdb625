"""The step `rules`: a learner's Prometheus rules, checked and tested by Prometheus' own engine."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from grader.errors import CourseError
from grader.model.manifest import SourceFile
from grader.model.scenario import Rules
from grader.observe.bounded import TooMuch, tool
from grader.observe.client import ApiAnswer
from grader.observe.promtool import TestOutcome, annotations_told, check_rules, test_rules
from grader.observe.stage import Stage

VERB, CHECK = "promtool", "check rules"
_EVALUATION = re.compile(r"\brule: (\S+), time: \S+, err: (.+)")
_ROUNDS = 8
"""So many times alerts that cannot be evaluated are taken out; a lab asks for fewer alerts."""


def play_rules(stage: Stage, action: Rules) -> None:
    """Run promtool on the learner's file and record each outcome."""
    source = _source(stage, action.file)
    if source is None:
        message = f"The submission has no {action.file}."
        stage.answer(VERB, CHECK, ApiAnswer(404, "NoRules", message))
        return
    binary = tool("promtool")
    with tempfile.TemporaryDirectory(prefix="mlk8s-rules-") as scratch:
        folder = Path(scratch).resolve()
        rules = folder / Path(action.file).name
        rules.write_text(source.text, encoding="utf-8")
        try:
            complaint = check_rules(binary, rules)
            _answer(stage, CHECK, complaint, "InvalidRules", source.path)
            if complaint:
                return
            for outcome in _test_all(binary, rules, _copy_tests(stage, action, folder)):
                _answer(stage, outcome.name, outcome.message, "TestFailed", source.path)
            if action.told:
                _tell(stage, binary, rules, action.told, source.path)
        except TooMuch as error:
            message = f"The rules ask for too much work: {error}."
            stage.answer(VERB, CHECK, ApiAnswer(422, "TooMuch", message), source.path)


def _answer(stage: Stage, target: str, complaint: str, reason: str, place: str) -> None:
    said = ApiAnswer(422, reason, complaint) if complaint else ApiAnswer(200)
    stage.answer(VERB, target, said, place)


def _tell(stage: Stage, binary: Path, rules: Path, told: str, place: str) -> None:
    """Record what each alert says where it fires; `rules` holds those that can be evaluated."""
    given = yaml.safe_load((stage.lab.root / told).read_text(encoding="utf-8"))
    for test in given["tests"]:
        alert = str(test["name"]).partition("/")[0]
        moment = test.pop("promql_expr_test")[-1]["eval_time"]
        # None is expected, so that promtool shows those it got.
        asked = {"eval_time": moment, "alertname": alert, "exp_alerts": []}
        test |= {"name": f"{alert}/told", "alert_rule_test": [asked]}
    file = rules.parent / f"told-{Path(told).name}"
    file.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    for name, alerts in annotations_told(binary, rules.parent, file.name).items():
        stage.answer(VERB, name, ApiAnswer(200), place, json.dumps(alerts))


def _source(stage: Stage, file: str) -> SourceFile | None:
    """The learner's file of this name; `.yml` and `.json` are as good, as for every form."""
    stem = file.rpartition(".")[0]
    for source in stage.submission.sources:
        if source.path.rpartition(".")[0] == stem:
            return source
    return None


def _copy_tests(stage: Stage, action: Rules, folder: Path) -> list[str]:
    found = sorted({path for pattern in action.tests for path in stage.lab.root.glob(pattern)})
    if not found:
        raise CourseError(f"{stage.lab.id} has no test of rules like {', '.join(action.tests)}.")
    for path in found:
        shutil.copyfile(path, folder / path.name)
    return [path.name for path in found]


def _test_all(binary: Path, rules: Path, tests: list[str]) -> list[TestOutcome]:
    """Every test's outcome, where one alert that cannot be evaluated fails its own tests only.

    promtool ends a test at the first rule that fails to evaluate, whichever the test is about.
    Such alerts are taken out, and the rest is tested again.
    """
    broken: dict[str, str] = {}
    for _ in range(_ROUNDS):
        outcomes = test_rules(binary, rules.parent, tests)
        errors = _evaluation_errors(outcomes)
        if not errors.keys() - broken.keys() or not _without_alerts(rules, set(errors)):
            break
        broken |= errors
    return [
        TestOutcome(outcome.name, False, broken[alert])
        if (alert := outcome.name.partition("/")[0]) in broken
        else outcome
        for outcome in outcomes
    ]


def _evaluation_errors(outcomes: list[TestOutcome]) -> dict[str, str]:
    found: dict[str, str] = {}
    for outcome in outcomes:
        if said := _EVALUATION.search(outcome.message):
            found.setdefault(said.group(1), f"it cannot be evaluated: {said.group(2)}")
    return found


def _without_alerts(rules: Path, names: set[str]) -> bool:
    """Take alerts of these names out of the file; False where there is none."""
    content: Any = yaml.safe_load(rules.read_text(encoding="utf-8"))
    taken = False
    for group in content.get("groups") or []:
        every = group.get("rules") or []
        kept = [rule for rule in every if rule.get("alert") not in names]
        taken = taken or len(kept) < len(every)
        group["rules"] = kept
    rules.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return taken
