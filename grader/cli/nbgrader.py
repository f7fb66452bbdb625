"""`nbgrader`: the course as an nbgrader course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.consoles import out
from grader.errors import UsageError

CLUSTERS = ("embedded", "kind", "none")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(nbgrader)


def nbgrader(
    folder: Annotated[Path, typer.Argument(help="The course's folder; made if it is not there.")],
    labs: Annotated[list[str] | None, typer.Argument(help="Labs to give; all if none.")] = None,
    course: Annotated[str, typer.Option(help="nbgrader's name of the course.")] = "k8s-ml",
    cluster: Annotated[
        str, typer.Option(help="Where hand-ins are graded: embedded, kind or none.")
    ] = "embedded",
) -> None:
    """Prepare an nbgrader course: its configuration, and an assignment for each notebook.

    Files that are there stay as they are, so the command may be repeated when labs are added.

    Examples:

        mlk8s nbgrader teaching/2027

        mlk8s nbgrader teaching/2027 02 04 --course ml-ops
    """
    from grader.load.labs import all_labs, find_lab
    from grader.notebook.course import prepare_course

    if cluster not in CLUSTERS:
        raise UsageError(f"there is no cluster {cluster!r}", f"Choose {', '.join(CLUSTERS)}.")
    chosen = [find_lab(name) for name in labs] if labs else all_labs()
    copied = prepare_course(folder, chosen, course, cluster, quiz=not labs)
    console = out()
    for name in copied.new:
        console.print(f"new   {folder / name}", markup=False)
    for name in copied.kept:
        console.print(f"kept  {folder / name}", style="dim", markup=False)
    first = next((lab.id for lab in chosen if (folder / "source" / lab.id).is_dir()), "LAB")
    console.print(f"\nThen, in {folder}:", markup=False)
    for step in ("generate_assignment", "release_assignment", "collect", "autograde"):
        console.print(f"  nbgrader {step} {first}", markup=False)
    console.print(f"  nbgrader generate_feedback {first}", markup=False)
