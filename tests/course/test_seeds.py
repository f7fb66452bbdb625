"""Labs that draw a case: over ten seeds the cases differ, and all of them can be solved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grader.load.labs import all_labs, find_lab
from grader.load.seeds import fill_folder
from grader.model.lab import Lab
from grader.verify.prove import prove

SEEDS = tuple(f"seed-{number}" for number in range(10))
SEEDED = [lab.id for lab in all_labs() if lab.file.seeded]


def filled(lab: Lab, source: Path, target: Path, seed: str) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.md"))
    fill_folder(lab, target, seed)
    return target


def texts(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*.yaml") if path.name != "seed.yaml")
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("lab_id", SEEDED)
def test_cases_differ_and_are_whole(lab_id: str, tmp_path: Path) -> None:
    lab = find_lab(lab_id)
    cases = {seed: texts(filled(lab, lab.starter, tmp_path / seed, seed)) for seed in SEEDS}
    assert len(set(cases.values())) == len(SEEDS)
    again = filled(lab, lab.starter, tmp_path / "again", SEEDS[3])
    assert texts(again) == cases[SEEDS[3]]
    assert not any("${" in text for text in cases.values())


@pytest.mark.parametrize("lab_id", SEEDED)
def test_files_alone_prove_every_seed(lab_id: str) -> None:
    lab = find_lab(lab_id)
    for seed in SEEDS:
        assert not prove(lab, None, jobs=1, seeds=(seed,)).faults, seed
