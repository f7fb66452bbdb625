"""Statuses: what makes a check passed, failed, blocked, not provable or an error."""

from __future__ import annotations

from typing import Any

import pytest

from grader import check
from grader.errors import CourseError
from grader.judge.case import Case
from grader.judge.check import info_of
from grader.judge.verdict import judge_check
from grader.model.manifest import Place, Problem, Submission
from grader.model.result import CheckResult
from tests.grader.judge import sample_checks as checks
from tests.grader.judge.build import Builder, slice_of

HINT = checks.HINT
EMPTY = Submission(name="someone", digest="0" * 64, manifests=())


def verdict(function: Any, made: Builder | None = None, **earlier: CheckResult) -> CheckResult:
    info = info_of(function)
    assert info is not None
    case = Case("someone", EMPTY, made.recording if made else None)
    return judge_check(info, function, case, earlier, "99-test")


def good() -> Builder:
    return Builder().begin("apply").change("added", slice_of("web", "a", "b"))


def test_status_passed_with_simulated_evidence() -> None:
    result = verdict(checks.test_endpoints, good())
    assert (result.status, result.earned) == ("passed", 2)
    assert result.evidence
    assert all(fact.simulated for fact in result.evidence)


def test_real_evidence_is_not_called_simulated() -> None:
    made = Builder(kubelet="real").begin("apply").change("added", slice_of("web", "a", "b"))
    assert not any(fact.simulated for fact in verdict(checks.test_endpoints, made).evidence)


def test_status_failed_says_what_and_where() -> None:
    result = verdict(checks.test_endpoints, Builder().begin("apply"))
    assert (result.status, result.earned, result.hint) == ("failed", 0, HINT)
    assert result.expected
    assert result.observed == "none"


def test_a_part_of_the_points() -> None:
    assert verdict(checks.test_part).earned == 2


def test_status_not_provable_never_costs_and_names_the_command() -> None:
    result = verdict(checks.test_answer, good())
    assert (result.status, result.earned) == ("not_provable", 0)
    assert "mlk8s check 99 --cluster kind" in result.hint


def test_files_only_makes_every_cluster_check_not_provable() -> None:
    assert verdict(checks.test_endpoints).status == "not_provable"


def test_a_crash_of_the_grader_is_an_error_not_a_zero() -> None:
    result = verdict(checks.test_crash)
    assert result.status == "error"
    assert "KeyError" in result.observed


def test_a_broken_recording_is_an_error_even_where_it_looks_bad() -> None:
    made = Builder().begin("apply")
    made.recording.fault = "The API server went away."
    result = verdict(checks.test_endpoints, made)
    assert (result.status, result.observed) == ("error", "The API server went away.")


def test_blocked_by_a_failed_prerequisite_only() -> None:
    failed = verdict(checks.test_endpoints, Builder().begin("apply"))
    passed = verdict(checks.test_endpoints, good())
    open_ = verdict(checks.test_endpoints)
    assert verdict(checks.test_follow_up, test_endpoints=failed).status == "blocked"
    assert verdict(checks.test_follow_up, test_endpoints=passed).status == "passed"
    assert verdict(checks.test_follow_up, test_endpoints=open_).status == "passed"
    blocked = verdict(checks.test_follow_up, test_endpoints=failed)
    assert verdict(checks.test_follow_up, test_endpoints=blocked).status == "blocked"


@pytest.mark.parametrize(
    ("arguments", "document", "message"),
    [
        ({"points": 0, "hint": HINT}, "A title.", "points"),
        ({"points": 1, "hint": ""}, "A title.", "hint"),
        ({"points": 1, "hint": HINT}, "no full stop", "full stop"),
        ({"points": 1, "hint": HINT, "needs": "magic"}, "A title.", "needs"),
        ({"points": 1, "hint": HINT, "needs": "kubelet"}, "A title.", "manifests alone"),
    ],
)
def test_a_check_that_is_not_well_formed_is_refused(
    arguments: dict[str, Any], document: str, message: str
) -> None:
    def test_it(manifests: Any) -> None: ...

    test_it.__doc__ = document
    with pytest.raises(CourseError, match=message):
        check(**arguments)(test_it)


def test_only_the_two_fixtures_may_be_asked_for() -> None:
    def test_it(tmp_path: Any) -> None:
        """A title."""

    with pytest.raises(CourseError, match="manifests and recording only"):
        check(points=1, hint=HINT)(test_it)


def test_a_field_of_the_wrong_type_is_the_learners_and_says_where() -> None:
    info = info_of(checks.test_crash)
    assert info is not None
    problem = Problem("wrong-type", "spec.ports must be a list", Place("service.yaml", 7))
    case = Case("someone", Submission("someone", "0" * 64, (), (problem,)))
    result = judge_check(info, checks.test_crash, case, {}, "99-test")
    assert (result.status, result.observed) == ("failed", "spec.ports must be a list")
    assert result.evidence[-1].where == "service.yaml:7"
