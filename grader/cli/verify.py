"""`verify`: the course proves its own grader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

import typer

from grader.cli.check import Json
from grader.cli.consoles import err, out
from grader.errors import EXIT_FAILED

LAB_CLUSTERS = 2
"""Clusters at a time for labs that need one of their own."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    labs: Annotated[list[str] | None, typer.Argument(help="Labs to prove; all if none.")] = None,
    cluster: Annotated[str, typer.Option(help="embedded, kind or none (files only).")] = "embedded",
    jobs: Annotated[int, typer.Option(min=1, max=16, help="Submissions at a time.")] = 4,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Cases to draw in labs that draw one.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """Prove that the labs' checks are right: for lab authors and the project's own tests.

    In labs that draw a case for each learner, several seeds are proven.

    The solution must pass twice, the starter must not. Each mistake of the corpus must fail just
    the checks it names, each variant must pass in full, and a mistake must fail every check.

    Examples:

        mlk8s verify

        mlk8s verify 02 14 --cluster none
    """
    from rich.progress import Progress as Bar

    from grader.grading.sessions import Player
    from grader.load.labs import all_labs, find_lab
    from grader.verify.prove import entries_of, prove

    drawn = tuple(f"verify-{place}" for place in range(seeds))
    chosen = [find_lab(name) for name in labs] if labs else all_labs()
    proofs = []
    with ExitStack() as stack:
        size = LAB_CLUSTERS if cluster == "kind" else 1
        player = (
            None if cluster == "none" else stack.enter_context(Player(cluster, size, at_once=jobs))
        )
        bar = stack.enter_context(Bar(console=err(), disable=as_json or not err().is_terminal))
        for lab in chosen:
            task = bar.add_task(f"Lab {lab.number}", total=entries_of(lab, drawn))
            workers = min(jobs, LAB_CLUSTERS) if lab.file.isolation == "cluster" else jobs
            step = lambda _, t=task: bar.advance(t)  # noqa: E731
            proofs.append(prove(lab, player, workers, step, drawn))
    if as_json:
        typer.echo(json.dumps([asdict(proof) for proof in proofs], indent=2))
    else:
        _show(proofs)
    raise typer.Exit(EXIT_FAILED if any(proof.faults for proof in proofs) else 0)


def _show(proofs: Sequence[object]) -> None:
    from rich.table import Table

    from grader.verify.prove import Proof

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("Lab", "Checks", "Mistakes", "Variants", "Not provable", "Seconds", ""):
        table.add_column(heading, justify="left" if heading in ("Lab", "") else "right")
    faults: list[str] = []
    for proof in proofs:
        assert isinstance(proof, Proof)  # noqa: S101 - imported late for a quick --help
        verdict = "[red]does not stand[/red]" if proof.faults else "[green]proven[/green]"
        counts = (proof.checks, proof.mistakes, proof.variants, proof.not_provable)
        table.add_row(proof.lab, *map(str, counts), f"{proof.seconds:.1f}", verdict)
        faults += [f"{proof.lab}  {fault}" for fault in proof.faults]
        faults += [f"{proof.lab}  recorded in {path}" for path in proof.kept]
    if len(table.rows) > 1:
        table.add_section()
        table.add_row(f"{len(table.rows)} labs", *_totals(proofs))
    out().print(table)
    for fault in faults:
        out().print(f"✘ {fault}", markup=False, soft_wrap=True)


def _totals(proofs: Sequence[object]) -> list[str]:
    from grader.verify.prove import Proof

    made = [proof for proof in proofs if isinstance(proof, Proof)]
    counts = (
        sum(proof.checks for proof in made),
        sum(proof.mistakes for proof in made),
        sum(proof.variants for proof in made),
        sum(proof.not_provable for proof in made),
    )
    return [*map(str, counts), f"{sum(proof.seconds for proof in made):.1f}"]
