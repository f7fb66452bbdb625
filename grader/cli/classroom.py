"""`class`: a whole class at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.check import Json, LabName
from grader.cli.consoles import err, out
from grader.errors import EXIT_MACHINE, EXIT_OK, UsageError

CLUSTERS = ("auto", "embedded", "kind", "none")
Cluster = Annotated[str, typer.Option(help="auto, embedded, kind or none (files only).")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("class")(class_)


def class_(
    lab: LabName,
    folder: Annotated[Path, typer.Argument(help="One folder, archive or file for each learner.")],
    into: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where results go; graded/LAB if not said.")
    ] = None,
    cluster: Cluster = "auto",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=64, help="Submissions played at once.")
    ] = 8,
    again: Annotated[
        bool, typer.Option("--again", help="Play anew what has a recording already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grade what a class has handed in, with a gradebook and a page for each learner.

    Each learner's files are played once and their recording is kept: run the command again after
    an interruption, and it goes on where it was; after a check was corrected, and all are judged
    anew in seconds. Exit code: 0 every submission has a verdict; 3 the machine or the cluster
    failed for some of them, which is never a zero.

    Examples:

        mlk8s class 14 handed-in/

        mlk8s class 02 handed-in/ --out results/week-2 --jobs 16

        mlk8s class 14 handed-in/ --cluster none --json
    """
    from grader.classroom.desk import Desk
    from grader.classroom.handed_in import find_handed_in, left_out
    from grader.classroom.run import ClassOptions, grade_class
    from grader.load.labs import find_lab
    from grader.report.progress import ProgressView

    found = find_lab(lab)
    if cluster not in CLUSTERS:
        raise UsageError(f"a class is not played on {cluster!r}", f"Choose {', '.join(CLUSTERS)}.")
    handed_in = find_handed_in(folder, found)
    desk = Desk(into or Path("graded") / found.id)
    options = ClassOptions(cluster, jobs, again)
    with ProgressView(err()) as view:
        report = grade_class(found, handed_in, desk, options, view)
    if as_json:
        typer.echo((desk.root / "class.json").read_text(encoding="utf-8"), nl=False)
    else:
        from grader.report.gradebook import show_class

        show_class(out(), report.results, found.file.title)
        _say(report.played, report.reused, report.earlier, desk.root)
    if others := left_out(folder):
        words = f"Left out, as neither folder, archive, notebook nor manifest: {', '.join(others)}"
        err().print(words, style="yellow", markup=False, soft_wrap=True)
    raise typer.Exit(EXIT_MACHINE if report.incomplete else EXIT_OK)


def _say(played: int, reused: int, earlier: int, root: Path) -> None:
    console = out()
    if reused:
        console.print(f"{played} played, {reused} judged from their recordings.", style="dim")
    if earlier:
        console.print(
            f"{earlier} of those were played by an earlier version of this lab; --again plays all.",
            style="yellow",
        )
    console.print(f"Pages    {root / 'index.html'}", markup=False, soft_wrap=True)
    console.print(f"Grades   {root / 'grades.csv'}", markup=False, soft_wrap=True)
