"""`doctor`: what stands in the way on this machine, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from grader.cli.check import Json
from grader.cli.consoles import out
from grader.errors import EXIT_MACHINE, EXIT_OK

if TYPE_CHECKING:
    from cluster.doctor import Diagnosis

_MARKS = {"ok": ("✔", "green"), "note": ("·", "yellow"), "problem": ("✘", "red")}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(as_json: Json = False) -> None:
    """Look for what goes wrong in a room, and say what mends it. Nothing is changed.

    Exit code 0 where labs can be graded on some cluster here, 3 where they cannot.

    Examples:

        mlk8s doctor

        mlk8s doctor --json
    """
    from cluster.doctor import examine

    diagnosis = examine()
    if as_json:
        typer.echo(diagnosis.model_dump_json(indent=2))
    else:
        _show(diagnosis)
    raise typer.Exit(EXIT_OK if diagnosis.healthy else EXIT_MACHINE)


def _show(diagnosis: Diagnosis) -> None:
    console = out()
    width = max(len(finding.name) for finding in diagnosis.findings)
    for finding in diagnosis.findings:
        mark, colour = _MARKS[finding.status]
        concerns = "" if finding.concerns == "everything" else f" (for {finding.concerns})"
        where = concerns if finding.status != "ok" else ""
        console.print(f"[{colour}]{mark}[/] {finding.name:{width}}  ", end="", soft_wrap=True)
        console.print(f"{finding.found}{where}", markup=False, soft_wrap=True)
        if finding.fix and finding.status != "ok":
            console.print(
                f"  {'':{width}}  {finding.fix}", style="dim", markup=False, soft_wrap=True
            )
    console.print()
    for name, reason in diagnosis.providers.items():
        words = "can run" if not reason else f"cannot run: {reason}"
        console.print(f"{name} {words}", markup=False, soft_wrap=True)
    console.print(f"auto chooses {diagnosis.choice}", markup=False, soft_wrap=True)
