"""Judging cases with a lab's checks, in one pytest session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import pytest

from grader.errors import CourseError
from grader.judge import plugin as judge_plugin
from grader.judge.case import Case
from grader.judge.plugin import CaseRef, JudgePlugin, set_judge
from grader.model.lab import Lab
from grader.model.result import CheckResult, ClusterInfo, Result, Versions

OnVerdict = Callable[[str, CheckResult], None]

_OPTIONS = (
    "--disable-plugin-autoload",
    "--noconftest",
    "--import-mode=importlib",
    "--capture=no",
    "-o",
    "addopts=",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:terminal",
    "-p",
    "no:faulthandler",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:threadexception",
    "-p",
    "no:logging",
    "-p",
    "no:junitxml",
    "-p",
    "no:doctest",
    "-p",
    "no:unittest",
    "-c",
    "/dev/null",
)
"""No conftest, plugin or configuration but the course's own; nothing that a batch does not need."""


def judge(lab: Lab, cases: Sequence[Case], on_verdict: OnVerdict | None = None) -> list[Result]:
    """One Result for each case, in order. Raises CourseError when the checks cannot be run."""
    references = [CaseRef(case.id, lambda case=case: case) for case in cases]  # type: ignore[misc]
    session = run_checks(lab, references, on_verdict)
    return [result_of(lab, case, session) for case in cases]


def run_checks(
    lab: Lab, references: Sequence[CaseRef], on_verdict: OnVerdict | None = None
) -> JudgePlugin:
    """Run every check of the lab on every case; the verdicts are in the returned plugin."""
    files = [str(path) for path in lab.check_files]
    if not files:
        raise CourseError(f"lab {lab.id} has no checks")
    session = JudgePlugin(lab.id, list(references), on_verdict=on_verdict)
    sink = _CollectErrors()
    arguments = [*_OPTIONS, f"--rootdir={lab.root}", *files]
    writes_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # the course may be installed where nobody may write
    try:
        code = pytest.main(arguments, plugins=[judge_plugin, _Registrar(session), sink])
    finally:
        sys.dont_write_bytecode = writes_bytecode
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
        raise CourseError(f"pytest could not run the checks of lab {lab.id}: {sink.first()}")
    if code == pytest.ExitCode.INTERRUPTED and not sink.errors:
        raise KeyboardInterrupt
    if sink.errors:
        raise CourseError(f"the checks of lab {lab.id} cannot be loaded: {sink.first()}")
    if not session.checks:
        raise CourseError(f"lab {lab.id} has no function under @check")
    return session


def result_of(lab: Lab, case: Case, session: JudgePlugin) -> Result:
    """The Result of one case from the session's verdicts."""
    verdicts = session.verdicts.get(case.id, {})
    checks = [verdicts[name] for name in session.checks if name in verdicts]
    missing = [name for name in session.checks if name not in verdicts]
    return Result(
        lab=lab.id,
        submission=case.submission.name,
        digest=case.submission.digest,
        cluster=_cluster(case),
        score=round(sum(c.earned for c in checks), 4),
        max_score=round(sum(info.points for info in session.checks.values()), 4),
        provable_max=round(sum(c.points for c in checks if c.status != "not_provable"), 4),
        complete=not missing and all(c.status != "error" for c in checks),
        checks=checks,
        problems=[
            *filter(None, [case.unreadable]),
            *(str(problem) for problem in case.submission.problems),
        ],
        recording=str(case.path) if case.path else None,
        versions=Versions(mlk8s=package_version(), lab=lab.digest),
    )


def package_version() -> str:
    """The installed version of mlk8s, or `0+unknown` from an uninstalled checkout."""
    try:
        return version("mlk8s")
    except PackageNotFoundError:
        return "0+unknown"


class _Registrar:
    """Names the judge of this pytest session once it is configured."""

    def __init__(self, session: JudgePlugin) -> None:
        self.session = session

    def pytest_configure(self, config: pytest.Config) -> None:
        set_judge(config, None, self.session)


class _CollectErrors:
    """Keeps what went wrong while the check files were imported."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def first(self) -> str:
        """The first of them."""
        return self.errors[0] if self.errors else "it does not say why"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(str(report.longrepr).strip().splitlines()[-1])

    def pytest_internalerror(self, excrepr: object) -> None:
        self.errors.append(str(excrepr).strip().splitlines()[-1])


def _cluster(case: Case) -> ClusterInfo:
    recording = case.recording
    if recording is None:
        return ClusterInfo(provider="none")
    capabilities = recording.capabilities
    simulated = [
        name.replace("_", "-")
        for name in ("control_plane", "kubelet", "containers")
        if getattr(capabilities, name) == "simulated"
    ]
    return ClusterInfo(
        provider=recording.provider,
        kubernetes=recording.kubernetes,
        simulated=simulated,
        time_factor=capabilities.time_factor,
        size_factor=capabilities.size_factor,
    )
