"""`mlk8s timeline`: which recording it takes, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.model.recording_file import write_recording
from tests.grader.cli.helpers import mlk8s
from tests.grader.report.timeline.samples import rollout

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings of lab 02, as `check` keeps them; the path of the later one."""
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path))
    folder = tmp_path / "recordings" / "02-inference-deployment"
    folder.mkdir(parents=True)
    for stamp, who in (("20260101-100000-1", "early"), ("20260101-110000-1", "late")):
        recording = rollout()
        recording.submission = who
        path = folder / f"{stamp}-{who}.mlk8s-recording"
        write_recording(recording, path)
    return path


def test_a_lab_means_its_latest_recording(capsys: Capsys, kept: Path) -> None:
    outcome = mlk8s(capsys, "timeline", "02")
    assert outcome.code == 0
    assert "late" in outcome.out
    assert "cpu-worker-1" in outcome.out
    assert mlk8s(capsys, "timeline", str(kept)).out == outcome.out


def test_svg_and_json(capsys: Capsys, kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "picture.svg"
    outcome = mlk8s(capsys, "timeline", str(kept), "--svg", str(target), "--json")
    assert outcome.code == 0
    assert target.read_text(encoding="utf-8").startswith("<svg ")
    told = json.loads(outcome.out)
    assert told["workloads"][0]["pods"][0]["name"] == "web-1-1"
    assert told["steps"][0]["name"] == "apply"


def test_what_is_not_there_is_said(capsys: Capsys, kept: Path, tmp_path: Path) -> None:
    outcome = mlk8s(capsys, "timeline", "14")
    assert outcome.code == 2
    assert "mlk8s check 14" in outcome.words
    assert mlk8s(capsys, "timeline", str(tmp_path / "no.mlk8s-recording")).code == 2
    outcome = mlk8s(capsys, "timeline", "02", "--workload", "Deployment/nobody")
    assert outcome.code == 2
    assert "Deployment/nobody" in outcome.words


def test_no_colour_where_it_is_not_wanted(
    capsys: Capsys, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[36m" in mlk8s(capsys, "timeline", "02").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in mlk8s(capsys, "timeline", "02").out
