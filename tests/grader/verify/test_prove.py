"""Proving several labs: what is played beside what, and what happens when a play cannot be had."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from grader.errors import MachineError
from grader.grading.sessions import Player
from grader.load.labs import find_lab
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording
from grader.verify.prove import Asked, Lanes, prove_all

SHARED, OWN = find_lab("02"), find_lab("04")
PATIENCE = 30.0


class Watched(Player):
    """Plays nothing, so that files are judged alone, and knows what has been asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: Counter[str] = Counter()
        self.released: list[str] = []
        self.changed = threading.Condition()

    def play(self, lab: Lab, submission: Submission) -> Recording:
        with self.changed:
            if submission.name == "solution":
                self.begun[lab.id] += 1
            self.changed.notify_all()
        self.wait(lab, submission)
        return None  # type: ignore[return-value]

    def wait(self, lab: Lab, submission: Submission) -> None:
        """What a play waits for."""

    def release(self, lab: Lab) -> None:
        self.released.append(lab.id)


class FirstRoundStaysLong(Watched):
    """The first solution on a cluster of its own ends once another round of the other lab began."""

    def wait(self, lab: Lab, submission: Submission) -> None:
        if (lab, submission.name) == (OWN, "solution"):
            with self.changed:
                assert self.changed.wait_for(lambda: self.begun[SHARED.id] >= 2, PATIENCE)


def test_the_next_round_begins_while_the_longest_plays_of_this_one_are_under_way() -> None:
    player = FirstRoundStaysLong()
    asked = [Asked(lab, number) for number in (1, 2, 3) for lab in (OWN, SHARED)]
    order: list[tuple[str, int]] = []
    with Lanes(2, 2) as lanes:
        for one, proof in prove_all(asked, player, lanes):
            assert not proof.faults
            order.append((one.lab.id, one.round))
            ended = sum(lab == OWN.id for lab, _ in order)
            # Two rounds at a time: the recordings of a long run would fill the memory.
            assert player.begun[SHARED.id] <= 2 * (ended + 2)
    assert order.index((SHARED.id, 1)) < order.index((OWN.id, 1))
    assert sorted(order) == sorted((one.lab.id, one.round) for one in asked)


def test_the_clusters_of_a_lab_are_given_back_when_no_round_of_it_is_under_way() -> None:
    player = Watched()
    with Lanes(2, 2) as lanes:
        proofs = prove_all([Asked(OWN), Asked(OWN, 2), Asked(SHARED, 2)], player, lanes)
        told = {(one.lab.id, one.round): player.released.count(OWN.id) for one, _ in proofs}
    assert told[OWN.id, 1] == 0
    assert player.released.count(OWN.id) == 1


class NoMachine(Watched):
    def wait(self, lab: Lab, submission: Submission) -> None:
        raise MachineError("There is no room left.")


def test_a_play_that_cannot_be_had_ends_all_of_it() -> None:
    player = NoMachine()
    with Lanes(2, 2) as lanes, pytest.raises(MachineError, match="no room left"):
        list(prove_all([Asked(SHARED), Asked(OWN)], player, lanes))
    assert player.begun.total() <= 4
