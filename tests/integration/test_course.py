"""The course proves its own grader on a real control plane: see `mlk8s verify`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grader.grading.sessions import Player
from grader.load.labs import find_lab, lab_ids
from grader.verify.prove import prove


@pytest.fixture(scope="session")
def player(embedded_home: None) -> Iterator[Player]:
    with Player("embedded") as made:
        yield made


@pytest.mark.embedded
@pytest.mark.course
@pytest.mark.parametrize("lab_id", lab_ids())
def test_on_the_embedded_cluster(
    lab_id: str, player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = find_lab(lab_id)
    proof = prove(lab, player, jobs=3 if lab.file.isolation == "cluster" else 8)
    player.release(lab)
    with capsys.disabled():
        print(
            f"\n{lab_id}: {proof.checks} checks, {proof.mistakes} mistakes, {proof.variants}"
            f" variants, {proof.not_provable} not provable here, {proof.seconds:.0f} s"
        )
    assert not proof.faults
