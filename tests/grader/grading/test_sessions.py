"""Plays that were given up: once more, unless that is of no use."""

from __future__ import annotations

from grader.grading.grade import load
from grader.grading.sessions import Player
from grader.load.labs import find_lab
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording
from tests.grader.judge.build import Builder

LAB = find_lab("04")
WORK = load(LAB, LAB.solution, "solution")


class Unlucky(Player):
    """Each play ends with the next of these faults; those that come after them end well."""

    def __init__(self, *faults: str) -> None:
        super().__init__()
        self.faults = list(faults)
        self.plays = 0

    def _play_on_its_own(self, lab: Lab, submission: Submission) -> Recording:
        self.plays += 1
        recording = Builder().recording
        recording.fault = self.faults.pop(0) if self.faults else ""
        return recording


def test_a_play_that_was_given_up_is_played_once_more() -> None:
    player = Unlucky("The API server is silent.")
    assert player.play(LAB, WORK).fault == ""
    assert player.plays == 2


def test_a_fault_that_lasts_is_told_and_the_others_are_played_once() -> None:
    player = Unlucky(*["The simulated kubelet does not answer."] * 4)
    assert [bool(player.play(LAB, WORK).fault) for _ in range(3)] == [True, True, True]
    assert player.plays == 4


def test_after_a_play_that_ended_well_there_is_hope_again() -> None:
    player = Unlucky("silent", "silent", "", "silent")
    assert [player.play(LAB, WORK).fault for _ in range(3)] == ["silent", "", ""]
    assert player.plays == 5
