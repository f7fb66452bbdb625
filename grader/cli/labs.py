"""`labs` and `start`: what there is to do, and beginning with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.check import Json, LabName
from grader.cli.consoles import out
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.model.lab import Lab


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

    # The longest title and "in work/" just fit into 80 columns.
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("Lab", "", "Min", ""):
        table.add_column(heading, justify="right" if heading == "Min" else "left")
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
    seed: Annotated[
        str | None, typer.Option(help="Draw this case again, in labs that draw one.")
    ] = None,
) -> None:
    """Copy a lab's starter files into your work folder. Files that are there stay as they are.

    Some labs draw a case of your own. Its seed is kept in seed.yaml, and the same seed gives the
    same case again.

    Examples:

        mlk8s start 14

        mlk8s start 02 --into ~/k8s-labs/02

        mlk8s start 07 --seed k7f3wq
    """
    from grader.load.labs import find_lab

    found = find_lab(lab)
    target = into or Path("work") / found.id
    with _starter(found, target, seed) as starter:
        copied, kept = copy_starter(starter, target)
    console = out()
    for name in copied:
        console.print(f"new   {target / name}", markup=False)
    for name in kept:
        console.print(f"kept  {target / name}", style="dim", markup=False)
    where = "" if into is None else f" --submission {target}"
    console.print(f"\nTask    {found.readme}", markup=False, soft_wrap=True)
    console.print(f"Check   mlk8s check {found.number}{where}", markup=False, soft_wrap=True)


@contextmanager
def _starter(lab: Lab, target: Path, wanted: str | None) -> Iterator[Path]:
    """The folder to copy from; in a seeded lab a temporary one with the learner's own case."""
    if not lab.file.seeded:
        if wanted is not None:
            raise UsageError(f"lab {lab.number} is the same for everybody", "Leave --seed out.")
        yield lab.starter
        return
    import shutil
    import tempfile

    from grader.load.seeds import fill_folder, new_seed, seed_of
    from grader.model.draws import SEED

    known = seed_of(target)
    if wanted is not None and not SEED.match(wanted):
        raise UsageError(f"{wanted!r} is no seed", "A seed is letters, digits and dashes: k7f3wq.")
    if wanted is not None and known not in (None, wanted):
        raise UsageError(
            f"{target} holds the case {known} already", "Use --into for another folder."
        )
    if known is None and wanted is None and any(target.rglob("*.yaml")):
        raise UsageError(
            f"{target} holds files of a case, and no seed that says of which",
            "Name it with --seed, or begin anew in another folder with --into.",
        )
    with tempfile.TemporaryDirectory(prefix="mlk8s-start-") as scratch:
        folder = Path(scratch) / "starter"
        shutil.copytree(lab.starter, folder)
        fill_folder(lab, folder, wanted or known or new_seed())
        yield folder


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
