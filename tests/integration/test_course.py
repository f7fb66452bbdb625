"""The course proves its own grader on a real control plane: see `mlk8s verify`.

For each lab its reference and its starter are played. Whole corpora take most of an hour, so those
of some labs are marked `proof` and run where they are asked for: `./mlk8s test -m proof`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.grading.grade import load
from grader.grading.sessions import Player
from grader.judge.case import Case
from grader.judge.run import judge
from grader.load.labs import find_lab, lab_ids
from grader.load.seeds import fill_folder
from grader.verify.entries import SEEDS
from grader.verify.prove import prove

pytestmark = [pytest.mark.embedded, pytest.mark.course]

ALWAYS = ("02", "04", "14")
"""Labs whose whole corpus is always played: a rollout, the scheduler, and the hands-on exercise."""


@pytest.fixture(scope="session")
def player(embedded_home: None) -> Iterator[Player]:
    with Player("embedded") as made:
        yield made


@pytest.mark.parametrize("lab_id", lab_ids())
def test_the_reference_earns_every_point_and_the_starter_does_not(
    lab_id: str, player: Player, tmp_path: Path
) -> None:
    lab = find_lab(lab_id)
    cases = []
    for name, source in (("reference", lab.solution), ("starter", lab.starter)):
        path = tmp_path / name
        shutil.copytree(source, path, ignore=shutil.ignore_patterns("*.md"))
        if lab.file.seeded:
            fill_folder(lab, path, SEEDS[0])
        submission = load(lab, path, name)
        cases.append(Case(name, submission, player.play(lab, submission)))
    player.release(lab)
    reference, starter = judge(lab, cases)
    lost = [check.title for check in reference.checks if check.status in ("failed", "blocked")]
    assert not lost
    assert reference.complete
    assert starter.complete
    assert not starter.passed


@pytest.mark.parametrize(
    "lab_id",
    [
        pytest.param(name, marks=() if name[:2] in ALWAYS else pytest.mark.proof)
        for name in lab_ids()
    ],
)
def test_the_corpus_gets_the_verdicts_it_must(
    lab_id: str, player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = find_lab(lab_id)
    proof = prove(lab, player, jobs=3 if lab.file.isolation == "cluster" else 8)
    with capsys.disabled():
        print(
            f"\n{lab_id}: {proof.checks} checks, {proof.mistakes} mistakes, {proof.variants}"
            f" variants, {proof.not_provable} not provable here, {proof.seconds:.0f} s"
        )
    assert not proof.faults
