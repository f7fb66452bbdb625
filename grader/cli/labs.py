"""`labs` and `start`: what there is to do, and beginning with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.check import Json, LabName
from grader.cli.consoles import out


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(labs)
    app.command()(start)


def labs(as_json: Json = False) -> None:
    """List the labs.

    Examples:

        mlk8s labs

        mlk8s labs --json
    """
    from grader.load.labs import all_labs

    every = all_labs()
    if as_json:
        rows = [
            {"id": lab.id, "readme": str(lab.readme), **lab.file.model_dump(include=_SHOWN)}
            for lab in every
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("Lab", "", "Minutes", "State"):
        table.add_column(heading, justify="right" if heading == "Minutes" else "left")
    for lab in every:
        begun = (Path("work") / lab.id).is_dir()
        state = "in work/" if begun else ""
        table.add_row(lab.number, lab.file.title, str(lab.file.minutes), state)
    out().print(table)
    out().print("\nBegin one with `mlk8s start 14`.", style="dim", markup=False)


_SHOWN = {"title", "section", "minutes", "summary"}


def start(
    lab: LabName,
    into: Annotated[
        Path | None, typer.Option(help="Folder for your work; work/LAB if not said.")
    ] = None,
) -> None:
    """Copy a lab's starter files into your work folder. Files that are there stay as they are.

    Examples:

        mlk8s start 14

        mlk8s start 02 --into ~/k8s-labs/02
    """
    from grader.load.labs import find_lab

    found = find_lab(lab)
    target = into or Path("work") / found.id
    copied, kept = copy_starter(found.starter, target)
    console = out()
    for name in copied:
        console.print(f"new   {target / name}", markup=False)
    for name in kept:
        console.print(f"kept  {target / name}", style="dim", markup=False)
    where = "" if into is None else f" --submission {target}"
    console.print(f"\nTask    {found.readme}", markup=False, soft_wrap=True)
    console.print(f"Check   mlk8s check {found.number}{where}", markup=False, soft_wrap=True)


def copy_starter(starter: Path, target: Path) -> tuple[list[Path], list[Path]]:
    """Copy new files only; returns what was copied and what was there already."""
    copied: list[Path] = []
    kept: list[Path] = []
    for source in sorted(path for path in starter.rglob("*") if path.is_file()):
        name = source.relative_to(starter)
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            # "x" never opens a file that exists, whoever made it in the meantime.
            with destination.open("xb") as stream:
                stream.write(source.read_bytes())
            copied.append(name)
        except FileExistsError:
            kept.append(name)
    return copied, kept
