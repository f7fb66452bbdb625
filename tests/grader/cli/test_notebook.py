"""`notebook`: the learner's copies, which are never overwritten, and what JupyterLab is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.cli import notebook as command
from tests.grader.cli.helpers import mlk8s

NAME = "02-inference-deployment.ipynb"


def test_copies_are_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    done = mlk8s(capsys, "notebook", "--work", str(work), "--copy-only")
    assert done.code == 0
    assert NAME in done.words
    assert (work / "knowledge-check.ipynb").is_file()
    assert (work / "02-inference-deployment" / "README.md").is_file()
    (work / NAME).write_text("mine")
    mlk8s(capsys, "notebook", "--work", str(work), "--copy-only")
    assert (work / NAME).read_text() == "mine"


def test_copies_hold_no_solution_and_lead_to_the_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mlk8s(capsys, "notebook", "--work", str(tmp_path), "--copy-only")
    for path in tmp_path.glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "SOLUTION" not in text, path.name
        assert "../labs/" not in text, path.name
        for cell in json.loads(text)["cells"]:
            assert not cell.get("outputs")


def test_again_puts_the_old_copy_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mlk8s(capsys, "notebook", "--work", str(tmp_path), "--copy-only")
    (tmp_path / NAME).write_text("mine")
    done = mlk8s(capsys, "notebook", "02", "--again", "--work", str(tmp_path), "--copy-only")
    assert done.code == 0
    assert (tmp_path / "02-inference-deployment.1.ipynb").read_text() == "mine"
    assert (tmp_path / NAME).read_text() != "mine"


def test_again_needs_a_lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = mlk8s(capsys, "notebook", "--again", "--work", str(tmp_path), "--copy-only")
    assert done.code == 2


def test_jupyterlab_opens_the_next_notebook_in_the_work_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(command.os, "execv", lambda program, words: called.append(words))
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("MLK8S_WORK", "")
    passed = {"01-workload-map": {"points": 1, "out_of": 1, "passed": True, "when": ""}}
    tmp_path.joinpath(".progress.json").write_text(json.dumps(passed))
    mlk8s(capsys, "notebook", "--work", str(tmp_path), "--no-browser")
    (words,) = called
    assert f"--ServerApp.root_dir={tmp_path}" in words
    assert f"--LabApp.default_url=/lab/tree/{NAME}" in words
    assert "--no-browser" in words
