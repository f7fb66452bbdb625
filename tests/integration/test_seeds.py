"""Labs that draw a case: over ten seeds each one can be solved on a real control plane."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grader.grading.grade import case_of, load, save_recording
from grader.grading.sessions import Player
from grader.judge.run import judge
from grader.load.labs import all_labs, find_lab
from grader.load.seeds import fill_folder

SEEDS = tuple(f"seed-{number}" for number in range(10))
SEEDED = [lab.id for lab in all_labs() if lab.file.seeded]


@pytest.mark.embedded
@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("lab_id", SEEDED)
def test_every_seed_can_be_solved(lab_id: str, tmp_path: Path, embedded_home: None) -> None:
    lab = find_lab(lab_id)
    cases = []
    with Player("embedded", size=2) as player:
        for seed in SEEDS:
            folder = tmp_path / seed
            shutil.copytree(lab.solution, folder, ignore=shutil.ignore_patterns("*.md"))
            fill_folder(lab, folder, seed)
            submission = load(lab, folder, name=seed)
            recording = player.play(lab, submission)
            assert recording.complete, recording.fault
            cases.append(case_of(lab, save_recording(recording, tmp_path), seed))
    for result in judge(lab, cases):
        wrong = [
            f"{result.submission}: {check.id} expected {check.expected}, observed {check.observed}"
            for check in result.checks
            if check.status != "passed"
        ]
        assert not wrong
