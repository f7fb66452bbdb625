"""What the proof of a lab plays: its starter, its solution, its corpus."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.load.seeds import fill_folder
from grader.model.lab import Lab
from grader.verify.cases import CorpusCase, corpus, materialize

SEEDS = ("verify-0", "verify-1", "verify-2")
"""Seeds under which a seeded lab is proven when nothing else is said."""


@dataclass(frozen=True)
class Entry:
    """One thing to play. `path` is the folder of its files."""

    name: str
    kind: Literal["starter", "solution", "mistake", "variant"]
    path: Path
    case: CorpusCase | None = None


def entries_of(lab: Lab, seeds: Sequence[str] = SEEDS) -> int:
    """How many plays the proof of this lab takes."""
    solutions = max(2, len(seeds)) if lab.file.seeded else 2
    return 1 + solutions + len(corpus(lab))


def make_entries(lab: Lab, scratch: Path, seeds: Sequence[str]) -> list[Entry]:
    """All of it, written below `scratch` where it is not in the lab as it is; a seeded lab's under
    these seeds. Raises CourseError for a corpus that is not well formed."""
    if lab.file.seeded:
        return _seeded_entries(lab, scratch, seeds)
    entries = [
        Entry("starter", "starter", lab.starter),
        Entry("solution", "solution", lab.solution),
        Entry("solution, again", "solution", lab.solution),
    ]
    for case in corpus(lab):
        path = materialize(lab, case, scratch / case.name)
        entries.append(Entry(case.name, case.file.kind, path, case))
    return entries


def _seeded_entries(lab: Lab, scratch: Path, seeds: Sequence[str]) -> list[Entry]:
    """The solution under each seed, twice where there is but one; the corpus takes them in turn."""

    def filled(name: str, source: Path, seed: str) -> Path:
        target = scratch / name
        if source != target:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.md"))
        fill_folder(lab, target, seed)
        return target

    entries = [Entry("starter", "starter", filled("starter", lab.starter, seeds[0]))]
    names = ["solution", *(f"solution, seed {seed}" for seed in (*seeds, *seeds)[1:])]
    for name, seed in zip(names, seeds if len(seeds) > 1 else (*seeds, *seeds), strict=False):
        entries.append(Entry(name, "solution", filled(name, lab.solution, seed)))
    for place, case in enumerate(corpus(lab)):
        made = materialize(lab, case, scratch / case.name)
        path = filled(case.name, made, seeds[place % len(seeds)])
        entries.append(Entry(case.name, case.file.kind, path, case))
    return entries
