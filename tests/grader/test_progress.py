"""Progress in a log: a line for each action, and a sign of life in between."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster.model import ProgressEvent
from grader.report import progress


def said(monkeypatch: pytest.MonkeyPatch, *events: ProgressEvent) -> list[str]:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    stream = io.StringIO()
    with progress.ProgressView(Console(file=stream, width=100)) as view:
        for event in events:
            view(event)
    return stream.getvalue().splitlines()


def test_long_work_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(
        monkeypatch,
        ProgressEvent("Building kube-apiserver", "started"),
        ProgressEvent("Building kube-apiserver", "running", fraction=0.4, remaining=200.0),
        ProgressEvent("Building kube-apiserver", "done"),
    )
    assert lines[0] == "… Building kube-apiserver  40%, about 3 min left"
    assert lines[1].startswith("✔ Building kube-apiserver")


def test_failures_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, ProgressEvent("Downloading etcd", "failed", "No network."))
    assert lines == ["✘ Downloading etcd  No network."]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (3, "about 5 s left"), (42, "about 40 s left"), (100, "about 2 min left")],
)
def test_estimates_do_not_promise_more_than_they_know(seconds: float | None, words: str) -> None:
    assert progress._about(seconds) == words
