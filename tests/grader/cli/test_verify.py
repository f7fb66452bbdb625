"""`mlk8s verify`: what it tells of one round, and of several."""

from __future__ import annotations

import json

import pytest

from grader.load.labs import find_lab
from grader.verify.prove import entries_of
from tests.grader.cli.helpers import mlk8s

Capsys = pytest.CaptureFixture[str]


def test_one_round(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "verify", "02", "--cluster", "none")
    assert outcome.code == 0
    assert "proven" in outcome.out
    assert "round" not in outcome.out


def test_rounds_are_told_one_by_one_and_together(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "verify", "02", "--cluster", "none", "--repeat", "2")
    assert outcome.code == 0
    assert "round 1 of 2  proven" in outcome.out
    assert "round 2 of 2  proven" in outcome.out
    plays = 2 * entries_of(find_lab("02"))
    table = outcome.out.rsplit("most", 1)[1].split()
    assert table[1:4] == ["2", str(plays), "0"]


def test_the_json_of_rounds(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "verify", "02", "--cluster", "none", "--repeat", "2", "--json")
    proofs = json.loads(outcome.out)
    assert [proof["round"] for proof in proofs] == [1, 2]
    assert all(proof["plays"] == len(proof["statuses"]) for proof in proofs)
    assert not any(proof["faults"] for proof in proofs)
