"""`verify`: the course proves its own grader."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.check import Json
from grader.cli.consoles import err, out
from grader.errors import EXIT_FAILED

if TYPE_CHECKING:  # imported late, for a quick --help
    from grader.model.lab import Lab
    from grader.verify.prove import Proof

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
    repeat: Annotated[
        int, typer.Option(min=1, help="Rounds: is any verdict a matter of luck?")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Prove that the labs' checks are right: for lab authors and the project's own tests.

    In labs that draw a case for each learner, several seeds are proven.

    The solution must pass twice, the starter must not. Each mistake of the corpus must fail just
    the checks it names, each variant must pass in full, and a mistake must fail every check.

    Examples:

        mlk8s verify

        mlk8s verify 02 14 --cluster none

        mlk8s verify 09 --repeat 20
    """
    from grader.load.labs import all_labs, find_lab

    chosen = [find_lab(name) for name in labs] if labs else all_labs()
    drawn = tuple(f"verify-{place}" for place in range(seeds))
    rounds: list[list[Proof]] = []
    with ExitStack() as stack:
        prove_all = _prover(stack, cluster, jobs, quiet=as_json)
        for number in range(1, repeat + 1):
            rounds.append(prove_all(chosen, drawn))
            if repeat > 1 and not as_json:
                _tell_round(number, repeat, rounds[-1])
    if as_json:
        told = [
            {**asdict(proof), "round": number}
            for number, proofs in enumerate(rounds, start=1)
            for proof in proofs
        ]
        typer.echo(json.dumps(told, indent=2))
    elif repeat == 1:
        _show(rounds[0])
    else:
        _show_rounds(rounds)
    wrong = any(proof.faults for proofs in rounds for proof in proofs)
    raise typer.Exit(EXIT_FAILED if wrong else 0)


def _prover(
    stack: ExitStack, cluster: str, jobs: int, quiet: bool
) -> Callable[[Sequence[Lab], tuple[str, ...]], list[Proof]]:
    """What proves some labs under some seeds; `stack` ends the clusters that it has used."""
    from rich.progress import Progress as Bar

    from grader.grading.sessions import Player
    from grader.verify.prove import entries_of, prove

    size = LAB_CLUSTERS if cluster == "kind" else 1
    player = None if cluster == "none" else stack.enter_context(Player(cluster, size, at_once=jobs))

    def prove_all(labs: Sequence[Lab], seeds: tuple[str, ...]) -> list[Proof]:
        proofs = []
        with Bar(console=err(), disable=quiet or not err().is_terminal, transient=True) as bar:
            for lab in labs:
                task = bar.add_task(f"Lab {lab.number}", total=entries_of(lab, seeds))
                own = lab.file.isolation == "cluster"
                workers = min(jobs, LAB_CLUSTERS) if own else jobs
                step = lambda _, t=task: bar.advance(t)  # noqa: E731
                proofs.append(prove(lab, player, workers, step, seeds))
        return proofs

    return prove_all


def _tell_round(number: int, of: int, proofs: Sequence[Proof]) -> None:
    """One round in a line, and at once what was wrong in it."""
    plays = sum(proof.plays for proof in proofs)
    each = ", ".join(f"{proof.lab[:2]} {proof.seconds:.0f}" for proof in proofs)
    wrong = sum(len(proof.faults) for proof in proofs)
    verdict = f"[red]{wrong} faults[/red]" if wrong else "[green]proven[/green]"
    out().print(f"round {number} of {of}  {verdict}  {plays} plays, seconds: {each}")
    _tell_faults(proofs)


def _show_rounds(rounds: Sequence[Sequence[Proof]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("Lab", "Rounds", "Plays", "Faults", "Seconds: least", "median", "most"):
        table.add_column(heading, justify="left" if heading == "Lab" else "right")
    for of_one_lab in zip(*rounds, strict=True):
        times = sorted(proof.seconds for proof in of_one_lab)
        counts = (
            len(of_one_lab),
            sum(proof.plays for proof in of_one_lab),
            sum(len(proof.faults) for proof in of_one_lab),
        )
        spread = (times[0], statistics.median(times), times[-1])
        table.add_row(of_one_lab[0].lab, *map(str, counts), *(f"{t:.0f}" for t in spread))
    out().print(table)


def _show(proofs: Sequence[Proof]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("Lab", "Checks", "Mistakes", "Variants", "Not provable", "Seconds", ""):
        table.add_column(heading, justify="left" if heading in ("Lab", "") else "right")
    for proof in proofs:
        verdict = "[red]does not stand[/red]" if proof.faults else "[green]proven[/green]"
        counts = (proof.checks, proof.mistakes, proof.variants, proof.not_provable)
        table.add_row(proof.lab, *map(str, counts), f"{proof.seconds:.1f}", verdict)
    if len(table.rows) > 1:
        table.add_section()
        table.add_row(f"{len(table.rows)} labs", *_totals(proofs))
    out().print(table)
    _tell_faults(proofs)


def _tell_faults(proofs: Sequence[Proof]) -> None:
    for proof in proofs:
        for fault in (*proof.faults, *(f"recorded in {path}" for path in proof.kept)):
            out().print(f"✘ {proof.lab}  {fault}", markup=False, soft_wrap=True)


def _totals(proofs: Sequence[Proof]) -> list[str]:
    counts = (
        sum(proof.checks for proof in proofs),
        sum(proof.mistakes for proof in proofs),
        sum(proof.variants for proof in proofs),
        sum(proof.not_provable for proof in proofs),
    )
    return [*map(str, counts), f"{sum(proof.seconds for proof in proofs):.1f}"]
