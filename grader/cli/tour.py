"""`tour`: the first thing that a newcomer runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from grader.cli.consoles import out
from grader.errors import CourseError, MachineError
from grader.model.result import Result

LAB = "14-local-inference-mock"
DRIFT = ("app: mock-inference", "app: mock-inferense")
"""The tour's deliberate mistake: a selector that matches nothing, the commonest one of all."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tour)


def tour(
    provider: Annotated[str, typer.Option(help="auto, embedded or kind.")] = "auto",
) -> None:
    """See the whole idea in one run: a cluster, a lab graded from evidence, a mistake explained.

    Needs neither Docker nor root. The first run fetches or builds a real Kubernetes control plane,
    which can take about ten minutes on two cores; later runs take seconds. Stop it whenever you
    like: what is built already is kept.

    Example:

        mlk8s tour
    """
    from grader.load.labs import find_lab

    lab = find_lab(LAB)
    _heading("1  This machine")
    for line in _machine():
        _say(line)
    _heading("2  The verdict from files alone")
    _say(f"{lab.file.summary}\n")
    _grade_and_show(lab.solution, "none", brief=True)
    _heading("3  A real control plane")
    _bring_up(provider)
    _heading("4  The same lab, graded by what happens on the cluster")
    right = _grade_and_show(lab.solution, provider)
    if not right.passed:
        raise CourseError("the course's own solution did not pass", "Please report this.")
    _heading("5  One deliberate mistake")
    _say(f"The Service's selector now says `{DRIFT[1]}`; the Pods carry `{DRIFT[0]}`.\n")
    with tempfile.TemporaryDirectory(prefix="mlk8s-tour-") as scratch:
        _grade_and_show(_with_drift(lab.solution, Path(scratch) / "drift"), provider, brief=True)
    _heading("6  Your turn")
    _next_steps()


def _machine() -> list[str]:
    import os
    import platform

    from cluster.choose import choose_provider

    free = shutil.disk_usage(Path.home()).free / 2**30
    _, reason = choose_provider("auto")
    return [
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {free:.0f} GiB free,"
        f" Python {platform.python_version()}",
        f"Cluster: {reason}",
    ]


def _bring_up(provider: str) -> None:
    """The shared cluster, with progress. In this thread, so that Ctrl-C ends what it started."""
    from cluster.errors import ClusterError
    from grader.grading.where import shared_cluster
    from grader.report.progress import ProgressView

    with ProgressView(out()) as view:
        try:
            shared_cluster(provider, (), view)
        except ClusterError as error:
            raise MachineError(str(error), error.hint) from error


def _grade_and_show(path: Path, where: str, brief: bool = False) -> Result:
    from grader.grading.grade import Options, grade
    from grader.load.labs import find_lab
    from grader.report.terminal import render

    lab = find_lab(LAB)
    result = grade(lab, path, Options(where=where))
    shown = _brief(result) if brief else result
    out().print(Padding(render(shown, lab.file.title, "cluster"), (0, 0, 0, 3)))
    if brief:
        count = sum(check.status == "passed" for check in result.checks)
        _say(f"{count} checks passed; they are not listed here.")
    return result


def _brief(result: Result) -> Result:
    """Only what did not pass, and what cannot be proven, in a few lines."""
    kept = [check for check in result.checks if check.status in ("failed", "error")]
    return result.model_copy(update={"checks": kept})


def _with_drift(solution: Path, target: Path) -> Path:
    """A copy of the solution whose Service selects labels that no Pod carries."""
    shutil.copytree(solution, target, ignore=shutil.ignore_patterns("*.md"))
    service = target / "service.yaml"
    text = service.read_text(encoding="utf-8")
    before, marker, after = text.partition("selector:")
    if not marker or DRIFT[0] not in after:
        raise CourseError("the tour's mistake does not fit the solution any more")
    service.write_text(before + marker + after.replace(*DRIFT, 1), encoding="utf-8")
    return target


def _say(text: str) -> None:
    out().print(Padding(Text(text), (0, 0, 0, 3)))


def _heading(text: str) -> None:
    out().print()
    out().rule(f"[bold]{text}[/bold]", align="left", style="dim")


def _next_steps() -> None:
    program = "./mlk8s" if Path("mlk8s").is_file() else Path(sys.argv[0]).name
    steps = (
        (f"{program} start 14", "copies the starter files into work/"),
        (f"{program} check 14", "grades what you have; as often as you like"),
        (f"{program} labs", "lists every lab"),
        (f"{program} kubectl get nodes", "looks around in the cluster that now runs"),
        (f"{program} down", "removes the cluster"),
    )
    for command, meaning in steps:
        out().print(f"   [bold]{command:<28}[/bold] {meaning}")
    out().print()
