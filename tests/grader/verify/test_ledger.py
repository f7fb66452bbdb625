"""The file that keeps rounds of proofs."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from unittest import mock

import pytest

import grader
from grader.errors import MachineError, UsageError
from grader.load.labs import find_lab
from grader.verify.compare import Proof
from grader.verify.ledger import ABOVE, Ledger, state_of

GOOD = Proof("02-inference-deployment", checks=21, plays=42, seconds=118.5)
BAD = Proof("02-inference-deployment", checks=21, plays=42, faults=["solution: it fails"])


def test_rounds_are_there_again(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    ledger = Ledger(path, "one")
    assert ledger.rounds() == []
    ledger.add([GOOD])
    ledger.add([BAD])
    assert Ledger(path, "one").rounds() == [[GOOD], [BAD]]


def test_rounds_of_another_state_do_not_count_and_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    Ledger(path, "before").add([BAD])
    after = Ledger(path, "after")
    assert after.rounds() == []
    after.add([GOOD])
    assert Ledger(path, "before").rounds() == [[BAD]]
    assert Ledger(path, "after").rounds() == [[GOOD]]


@pytest.mark.parametrize("text", ["{", "[1]\n", '{"state": "one"}\n', "\x00\n", "labs: 02\n"])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"notes\.txt is no ledger"):
        Ledger(path, "one")
    assert path.read_text() == text


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="Cannot write"):
        Ledger(tmp_path / "nowhere" / "rounds.jsonl", "one").add([GOOD])


def test_the_state_is_that_of_the_labs_and_how_they_are_proven() -> None:
    labs = [find_lab("02"), find_lab("09")]
    state = state_of(labs, "embedded", ("a",))
    assert state == state_of(labs, "embedded", ("a",))
    others = {
        state_of(labs[:1], "embedded", ("a",)),
        state_of(labs, "kind", ("a",)),
        state_of(labs, "embedded", ("a", "b")),
    }
    assert len(others) == 3
    assert state not in others


def test_the_state_is_that_of_the_corpus(tmp_path: Path) -> None:
    lab = find_lab("02")
    moved = lab.model_copy(update={"submissions": tmp_path})
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "case.yaml").write_text("kind: mistake\n")
    before = state_of([moved], "embedded", ())
    (tmp_path / "one" / "case.yaml").write_text("kind: variant\n")
    assert before != state_of([moved], "embedded", ())


def test_the_state_is_not_that_of_the_layers_above(tmp_path: Path) -> None:
    """What the ledger leaves out is what import-linter keeps from those who play and judge."""
    root = tmp_path / "grader"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(str(grader.__file__)).parent, root, ignore=ignored)
    with mock.patch.object(grader, "__file__", str(root / "__init__.py")):
        before = state_of([], "embedded", ())
        for name in ("cli/app.py", "notebook/style.css", "classroom/run.py", "pytest_plugin.py"):
            (root / name).write_text("changed")
        assert state_of([], "embedded", ()) == before
        (root / "judge" / "check.py").write_text("changed")
        assert state_of([], "embedded", ()) != before


def test_what_the_ledger_leaves_out_stands_above_in_the_layers() -> None:
    text = (Path(str(grader.__file__)).parent.parent / "pyproject.toml").read_text()
    (layers,) = (
        contract["layers"]
        for contract in tomllib.loads(text)["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    level = next(place for place, names in enumerate(layers) if "grader.verify" in names)
    above = {name.strip() for names in layers[: level + 1] for name in names.split("|")}
    left_out = {f"grader.{name.removesuffix('.py')}" for name in ABOVE}
    assert left_out == above - {"grader.verify"}
