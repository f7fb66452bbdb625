"""`mlk8s verify`: what it tells of one round, and of several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.load.labs import find_lab
from grader.verify.entries import entries_of
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


def test_rounds_in_a_ledger_are_not_played_again(capsys: Capsys, tmp_path: Path) -> None:
    asked = ("verify", "02", "--cluster", "none", "--ledger", str(tmp_path / "rounds.jsonl"))
    assert mlk8s(capsys, *asked, "--repeat", "2").code == 0
    more = mlk8s(capsys, *asked, "--repeat", "3")
    assert more.code == 0
    assert "2 of 3 rounds are in" in more.err
    assert "round 3 of 3  proven" in more.out
    assert "round 2" not in more.out
    again = mlk8s(capsys, *asked, "--repeat", "3", "--json")
    assert [proof["round"] for proof in json.loads(again.out)] == [1, 2, 3]
