"""A verdict at a terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from grader.model.result import CheckResult, ClusterInfo, Result, Versions
from grader.report.terminal import show


def shown(result: Result, width: int = 80) -> list[str]:
    sink = StringIO()
    show(Console(file=sink, width=width), result, "A title")
    return sink.getvalue().splitlines()


def result(recording: str | None = None) -> Result:
    checks = [
        CheckResult(
            id=f"test_{points}",
            title=f"Worth {points}.",
            status="not_provable",
            points=points,
            earned=0,
            needs="control-plane",
            expected="evidence from a real control plane",
        )
        for points in (1, 1.5)
    ]
    return Result(
        lab="99-test",
        submission="someone",
        digest="0" * 64,
        cluster=ClusterInfo(provider="none"),
        score=0,
        max_score=2.5,
        provable_max=0,
        complete=True,
        checks=checks,
        recording=recording,
        versions=Versions(mlk8s="0", lab="0"),
    )


def test_the_path_of_a_recording_is_never_broken() -> None:
    path = "/a/" + "long/" * 30 + "one.mlk8s-recording"
    assert f"Recording  {path}" in shown(result(recording=path))


def test_points_that_are_not_provable_stand_in_one_column() -> None:
    places = [line.index("Worth") for line in shown(result()) if "Worth" in line]
    assert len(places) == 2
    assert len(set(places)) == 1
