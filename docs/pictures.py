"""Draws the pictures of the documentation from real runs: `python docs/pictures.py`."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from grader.grading.grade import Options, grade
from grader.load.labs import find_lab
from grader.model.lab import Lab
from grader.model.recording_file import read_recording
from grader.model.result import Result
from grader.report.terminal import render
from grader.report.timeline import draw_svg
from grader.verify.cases import corpus, materialize

FOLDER = Path(__file__).parent / "pictures"
CASE = "max-unavailable-one"
SHOWN = 8
"""So many checks, counted from the last, fit into a picture that one can read."""


def main() -> None:
    """A failed check and the rollout behind it; an autoscaler under load."""
    release = find_lab("02")
    case = next(case for case in corpus(release) if case.name == CASE)
    with tempfile.TemporaryDirectory() as scratch:
        path = materialize(release, case, Path(scratch) / release.id)
        result = grade(release, path, Options(where="auto"))
    check(release, result)
    timeline(result, "Lab 02: a release with maxUnavailable: 1", "timeline")
    scaling = find_lab("05")
    result = grade(scaling, scaling.solution, Options(where="auto"))
    title = "Lab 05: replicas that follow the load"
    timeline(result, title, "autoscaling", "Deployment/sentiment-inference")


def check(lab: Lab, result: Result) -> None:
    """What a terminal shows of a failed check."""
    result = result.model_copy(update={"recording": None, "checks": result.checks[-SHOWN:]})
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True)
    console.print(render(result, lab.file.title))
    svg = console.export_svg(title=f"./mlk8s check {lab.number}")
    # No font from elsewhere: a README must not call another host.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    _write("check", svg.replace("Fira Code", "DejaVu Sans Mono"))


def timeline(result: Result, title: str, name: str, workload: str = "") -> None:
    """What happened in the recording of a run."""
    recording = read_recording(Path(str(result.recording)))
    _write(name, draw_svg(recording, title=title, workload=workload))


def _write(name: str, svg: str) -> None:
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
