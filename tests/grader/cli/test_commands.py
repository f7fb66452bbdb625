"""The commands as a person uses them, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.load.labs import course_root, lab_ids
from tests.grader.cli.helpers import mlk8s

Capsys = pytest.CaptureFixture[str]
COMMANDS = (
    "tour",
    "labs",
    "start",
    "check",
    "judge",
    "up",
    "down",
    "status",
    "kubeconfig",
    "verify",
    "timeline",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(capsys: Capsys, command: str) -> None:
    outcome = mlk8s(capsys, command, "--help")
    assert outcome.code == 0
    assert f"mlk8s {command}" in outcome.words


def test_labs(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "labs", "--json")
    assert [lab["id"] for lab in json.loads(outcome.out)] == lab_ids()
    assert "mlk8s start" in mlk8s(capsys, "labs").words


def test_start_copies_and_never_overwrites(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mlk8s(capsys, "start", "14").code == 0
    folder = tmp_path / "work" / "14-local-inference-mock"
    mine = folder / "service.yaml"
    mine.write_text("# mine\n")
    (folder / "deployment.yaml").unlink()
    outcome = mlk8s(capsys, "start", "14")
    assert mine.read_text() == "# mine\n"
    assert (folder / "deployment.yaml").is_file()
    assert "kept" in outcome.words


def test_the_starter_does_not_pass(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlk8s(capsys, "start", "02")
    outcome = mlk8s(capsys, "check", "02", "--cluster", "none")
    assert outcome.code == 1
    assert "FAILED" in outcome.out
    assert "next" in outcome.out


def test_colours_honour_no_color() -> None:
    solution = course_root() / "solutions" / "14-local-inference-mock"
    arguments = ["check", "14", "--cluster", "none", "-s", str(solution)]
    command = [sys.executable, "-m", "grader.cli", *arguments]

    def output(**environment: str) -> str:
        base = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", **environment}
        return subprocess.run(command, env=base, capture_output=True, text=True, check=True).stdout

    assert "\x1b[32m" in output(FORCE_COLOR="1")
    assert "\x1b[3" not in output(FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b" not in output()


def test_version(capsys: Capsys) -> None:
    assert "Kubernetes 1.35" in mlk8s(capsys, "--version").out


def test_kubeconfig_says_when_nothing_runs(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path))
    outcome = mlk8s(capsys, "kubeconfig")
    assert outcome.code == 3
    assert "mlk8s up" in outcome.words
    assert mlk8s(capsys, "status").code == 3
    assert json.loads(mlk8s(capsys, "status", "--json").out)["running"] is False
