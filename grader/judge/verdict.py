"""Running one check on one case: from a function to its verdict."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from grader.errors import GraderError
from grader.judge.case import Case
from grader.judge.check import CheckInfo
from grader.judge.failure import CheckFailed, EvidenceIncomplete
from grader.judge.language.expectation import collecting
from grader.model.result import CheckResult, Evidence, Needs, Status

_PROVE: dict[Needs, str] = {
    "manifests": "mlk8s check {lab} --cluster none",
    "control-plane": "mlk8s check {lab} --cluster embedded",
    "kubelet": "mlk8s check {lab} --cluster embedded",
    "load": "mlk8s check {lab} --cluster embedded",
    "containers": "mlk8s check {lab} --cluster kind",
}
_SMALLER = "mlk8s check {lab}"
"""Without --live amounts are made smaller for a small machine."""
_WHAT: dict[Needs, str] = {
    "manifests": "the files",
    "control-plane": "a real control plane",
    "kubelet": "a cluster whose Pods run, real or simulated",
    "load": "a cluster that can put requests on a Service, real or simulated",
    "containers": "real containers",
}


def judge_check(
    info: CheckInfo,
    function: Callable[..., Any],
    case: Case,
    earlier: Mapping[str, CheckResult],
    lab: str,
) -> CheckResult:
    """The verdict of one check, given the verdicts of those before it. Never raises."""
    began = time.perf_counter()
    outcome = _refuse(info, case, earlier, lab) or _examine(info, function, case)
    return outcome.model_copy(update={"seconds": round(time.perf_counter() - began, 6)})


def _refuse(
    info: CheckInfo, case: Case, earlier: Mapping[str, CheckResult], lab: str
) -> CheckResult | None:
    """The verdict when the check cannot be examined, else None."""
    if case.unreadable:
        expected = "first: files that can be read"
        return _result(info, "blocked", expected=expected, observed=case.unreadable)
    uses_recording = "recording" in info.uses
    unread = not case.submission.digest
    if (uses_recording or unread) and case.broken():
        return _result(info, "error", expected="a complete recording", observed=case.broken())
    if uses_recording and case.source(info.needs) is None:
        prove = (_SMALLER if _too_small(case) else _PROVE[info.needs]).format(
            lab=lab.split("-", 1)[0]
        )
        return _result(
            info,
            "not_provable",
            expected=f"evidence from {_WHAT[info.needs]}",
            observed=_supply(case),
            hint=f"To prove it: {prove}",
        )
    for name in info.after:
        before = earlier.get(name)
        if before is not None and before.status in ("failed", "blocked"):
            return _result(
                info, "blocked", expected=f"first: {before.title}", observed=f"that {before.status}"
            )
        if before is not None and before.status == "error":
            return _result(info, "error", expected=f"first: {before.title}", observed="an error")
    return None


def _examine(info: CheckInfo, function: Callable[..., Any], case: Case) -> CheckResult:
    simulated = case.source(info.needs) == "simulated"
    with collecting() as facts:
        try:
            function(**_arguments(info, case))
        except CheckFailed as failure:
            return _failed(info, case, failure, facts.all(simulated))
        except EvidenceIncomplete as gap:
            return _result(info, "error", expected="a recording without gaps", observed=str(gap))
        except GraderError as error:
            return _result(info, "error", expected="a check that runs", observed=error.message)
        except Exception as error:
            if (typo := _wrong_type(case, error)) is not None:
                return _failed(info, case, typo, facts.all(simulated))
            # A crash of the grader is the course's fault: reported as such, never as a zero.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            observed = f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
            return _result(info, "error", expected="a check that runs", observed=observed)
    return _result(info, "passed", evidence=facts.all(simulated), earned=info.points)


def _wrong_type(case: Case, error: Exception) -> CheckFailed | None:
    """The learner's fault behind an exception: a field of another type than any check expects.

    `ports: oops` breaks whatever walks the ports. The strict schema has found it already, so the
    verdict names that finding; without one, the exception is the grader's own.
    """
    if not isinstance(error, TypeError | AttributeError | KeyError | ValueError | IndexError):
        return None
    for problem in case.submission.problems:
        if problem.kind in ("wrong-type", "missing-field", "bad-value"):
            return CheckFailed("manifests that can be read", problem.message, str(problem.place))
    return None


def _failed(
    info: CheckInfo, case: Case, failure: CheckFailed, facts: list[Evidence]
) -> CheckResult:
    chain: list[str] = []
    if "recording" in info.uses and info.explain:
        from grader.judge.causes import explain

        words = f"{failure.expected} {failure.observed} {failure.where}"
        chain = explain(case.view._history, failure.moment, words)
    where = Evidence(text=f"observed {failure.observed}", where=failure.where)
    where.simulated = case.source(info.needs) == "simulated"
    return _result(
        info,
        "failed",
        expected=failure.expected,
        observed=failure.observed,
        evidence=[*facts, where],
        causes=chain,
        hint=info.hint,
        earned=round(info.points * min(max(failure.part, 0.0), 1.0), 4),
    )


def _result(info: CheckInfo, status: Status, **fields: Any) -> CheckResult:
    base = {"id": info.id, "title": info.title, "points": info.points, "needs": info.needs}
    return CheckResult(**{**base, "status": status, "earned": 0.0, **fields})


def _arguments(info: CheckInfo, case: Case) -> dict[str, Any]:
    every: dict[str, Callable[[], Any]] = {
        "manifests": lambda: case.manifests,
        "recording": lambda: case.view,
    }
    return {name: every[name]() for name in info.uses}


def _supply(case: Case) -> str:
    if case.recording is None:
        return "files only: no cluster was used"
    return _too_small(case) or f"the {case.recording.provider} cluster, which has none"


def _too_small(case: Case) -> str:
    """Why the machine had no room for right Pods, where that is so."""
    return case.recording.capabilities.too_small if case.recording else ""
