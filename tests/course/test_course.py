"""The course proves its own grader: see `mlk8s verify`."""

from __future__ import annotations

import time

import pytest

from grader.grading.sessions import Player
from grader.load.labs import all_labs, find_lab, lab_ids
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording
from grader.verify.prove import prove

LABS = lab_ids()


@pytest.mark.parametrize("lab_id", LABS)
def test_files_alone(lab_id: str) -> None:
    proof = prove(find_lab(lab_id), None, jobs=1)
    assert not proof.faults
    assert proof.variants >= 4


class Interrupted(Player):
    """Takes a moment for each play, and is told to stop at the first."""

    def __init__(self) -> None:
        super().__init__()
        self.plays = 0

    def play(self, lab: Lab, submission: Submission) -> Recording:
        self.plays += 1
        time.sleep(0.05)
        raise KeyboardInterrupt


def test_an_interrupted_proof_begins_nothing_more() -> None:
    player = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        prove(find_lab("02"), player, jobs=2)
    assert player.plays <= 6


def test_every_lab_is_complete() -> None:
    for lab in all_labs():
        assert lab.readme.is_file(), lab.id
        assert (lab.solution / "WHY.md").is_file(), lab.id
        assert any(lab.starter.rglob("*.yaml")), lab.id
        assert lab.submissions is not None, lab.id
