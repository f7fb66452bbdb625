"""Proofs of labs again and again on a busy machine: what `rounds.jsonl` beside this file says.

Rounds are played and written down by

    ./mlk8s verify 02 05 07 09 10 --jobs 8 --repeat 50 --ledger benchmarks/rounds.jsonl

which takes hours, may be interrupted at any moment, and goes on where it was as long as neither the
code nor these labs change. Nothing is played here.
"""

from __future__ import annotations

import json
import statistics
from itertools import groupby
from pathlib import Path
from typing import Any

WANTED = 50
FILE = Path(__file__).parent / "rounds.jsonl"


def run() -> list[tuple[str, str, str]]:
    """A row for each state of the code in which rounds were played."""
    if not FILE.exists():
        return []
    lines = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    rows = []
    for state, rounds in groupby(lines, key=lambda line: str(line["state"])):
        what = f"rounds of state {state}"
        rows.append((what, f"{WANTED}, none with a fault", _measured(list(rounds))))
    return rows


def _measured(rounds: list[dict[str, Any]]) -> str:
    proofs = [proof for line in rounds for proof in line["proofs"]]
    plays = sum(proof["plays"] for proof in proofs)
    faults = sum(len(proof["faults"]) for proof in proofs)
    seconds = [sum(proof["seconds"] for proof in line["proofs"]) for line in rounds]
    load = [line["load"][1] for line in rounds]
    return (
        f"{len(rounds)}, {plays} plays, {faults} faults; {statistics.median(seconds):.0f} s of labs"
        f" a round, load {min(load):.0f} to {max(load):.0f}"
    )
