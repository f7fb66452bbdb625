"""`verify`: the course proves its own grader."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grader.cli.check import Json
from grader.cli.consoles import err, out
from grader.errors import EXIT_FAILED

if TYPE_CHECKING:  # imported late, for a quick --help
    from grader.model.lab import Lab
    from grader.verify.compare import Proof
    from grader.verify.prove import OnCase

KIND_CLUSTERS = 2
"""Clusters of real nodes at a time for labs that need one of their own."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    labs: Annotated[list[str] | None, typer.Argument(help="Labs to prove; all if none.")] = None,
    cluster: Annotated[str, typer.Option(help="embedded, kind or none (files only).")] = "embedded",
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            max=16,
            help="Submissions at a time on the cluster that labs share; half as many clusters at a"
            f" time for labs that need their own (of kind at most {KIND_CLUSTERS}).",
        ),
    ] = 4,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Cases to draw in labs that draw one.")
    ] = 3,
    repeat: Annotated[
        int, typer.Option(min=1, help="Rounds: is any verdict a matter of luck?")
    ] = 1,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps each round. Those in it already, of just these labs and this"
            " code, count: a run that was ended goes on."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that the labs' checks are right: for lab authors and the project's own tests.

    In labs that draw a case for each learner, several seeds are proven.

    The solution must pass twice, the starter must not. Each mistake of the corpus must fail just
    the checks it names, each variant must pass in full, and a mistake must fail every check.

    Examples:

        mlk8s verify

        mlk8s verify 02 14 --cluster none

        mlk8s verify 09 --repeat 20 --ledger rounds.jsonl
    """
    from grader.load.labs import all_labs, find_lab
    from grader.verify.ledger import Ledger, state_of

    chosen = [find_lab(name) for name in labs] if labs else all_labs()
    drawn = tuple(f"verify-{place}" for place in range(seeds))
    kept = Ledger(ledger, state_of(chosen, cluster, drawn)) if ledger else None
    rounds = kept.rounds() if kept else []
    if rounds and not as_json:
        err().print(f"{len(rounds)} of {repeat} rounds are in {ledger} already.")
    began = time.monotonic()
    with ExitStack() as stack:
        wanted = range(len(rounds) + 1, repeat + 1)
        for proofs in _prove_rounds(stack, chosen, wanted, cluster, jobs, drawn, quiet=as_json):
            rounds.append(proofs)
            if kept:
                kept.add(proofs)
            if repeat > 1 and not as_json:
                _tell_round(len(rounds), repeat, proofs)
    _tell_all(rounds, time.monotonic() - began, as_json)
    wrong = any(proof.faults for proofs in rounds for proof in proofs)
    raise typer.Exit(EXIT_FAILED if wrong else 0)


def _prove_rounds(
    stack: ExitStack,
    labs: Sequence[Lab],
    wanted: range,
    cluster: str,
    jobs: int,
    seeds: tuple[str, ...],
    quiet: bool,
) -> Iterator[list[Proof]]:
    """The proofs of each of these rounds, in the order of the labs; `stack` ends all that plays."""
    from grader.grading.sessions import Player
    from grader.verify.entries import entries_of
    from grader.verify.prove import Asked, Lanes, prove_all

    if not wanted:
        return
    clusters = max(1, jobs // 2)
    clusters = min(clusters, KIND_CLUSTERS) if cluster == "kind" else clusters
    # Nobody waits for a person here, so no embedded cluster is made ahead of its use.
    size = clusters if cluster == "kind" else 0
    player = None if cluster == "none" else stack.enter_context(Player(cluster, size, at_once=jobs))
    total = len(wanted) * sum(entries_of(lab, seeds) for lab in labs)
    played = _silent if quiet else stack.enter_context(_told(total))
    lanes = stack.enter_context(Lanes(jobs, clusters))
    asked = [Asked(lab, number) for number in wanted for lab in labs]
    done: dict[int, dict[str, Proof]] = {number: {} for number in wanted}
    try:
        for one, proof in prove_all(asked, player, lanes, played, seeds):
            done[one.round][one.lab.id] = proof
            if len(done[one.round]) == len(labs):
                made = done.pop(one.round)
                yield [made[lab.id] for lab in labs]
    except KeyboardInterrupt:
        # A play takes up to some minutes, and its namespaces and clusters are removed at its end.
        err().print("Ending what is being played; nothing else begins.", highlight=False)
        raise


@contextmanager
def _told(total: int) -> Iterator[OnCase]:
    """Shows how many of the plays are over; each call, from any thread, is one more."""
    from cluster.model import ProgressEvent
    from grader.report.progress import ProgressView

    began, numbers = time.monotonic(), itertools.count(1)
    with ProgressView(err()) as view:
        view(ProgressEvent("Proving", "started"))

        def played(*_: str) -> None:
            done = next(numbers)
            state: Literal["done", "running"] = "done" if done == total else "running"
            left = (time.monotonic() - began) / done * (total - done)
            words = f"{done} of {total} plays"
            view(ProgressEvent("Proving", state, words, done / total, left))

        yield played


def _silent(*_: str) -> None:
    """An OnCase that shows nothing."""


def _tell_all(rounds: Sequence[Sequence[Proof]], seconds: float, as_json: bool) -> None:
    if as_json:
        told = [
            {**asdict(proof), "round": number}
            for number, proofs in enumerate(rounds, start=1)
            for proof in proofs
        ]
        typer.echo(json.dumps(told, indent=2))
    elif len(rounds) == 1:
        _show(rounds[0], seconds)
    else:
        _show_rounds(rounds)


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


def _show(proofs: Sequence[Proof], seconds: float) -> None:
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
        table.add_row(f"{len(table.rows)} labs", *_totals(proofs, seconds))
    out().print(table)
    _tell_faults(proofs)


def _tell_faults(proofs: Sequence[Proof]) -> None:
    for proof in proofs:
        for fault in (*proof.faults, *(f"recorded in {path}" for path in proof.kept)):
            out().print(f"✘ {proof.lab}  {fault}", markup=False, soft_wrap=True)


def _totals(proofs: Sequence[Proof], seconds: float) -> list[str]:
    # Labs are proven side by side, so their seconds do not add up.
    counts = (
        sum(proof.checks for proof in proofs),
        sum(proof.mistakes for proof in proofs),
        sum(proof.variants for proof in proofs),
        sum(proof.not_provable for proof in proofs),
    )
    return [*map(str, counts), f"{seconds:.1f}"]
