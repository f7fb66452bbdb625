"""A class on the embedded control plane: interrupted, resumed, judged again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cluster.model import ProgressEvent
from grader.classroom.desk import Desk
from grader.classroom.handed_in import find_handed_in
from grader.classroom.run import ClassOptions, grade_class
from grader.load.labs import find_lab

LAB = find_lab("14")
OPTIONS = ClassOptions(where="embedded", jobs=3)

pytestmark = [pytest.mark.embedded]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ada", "grace", "linus", "mary"):
        shutil.copytree(LAB.solution, tmp_path / "in" / name)
    shutil.copytree(LAB.starter, tmp_path / "in" / "tim")
    (tmp_path / "in" / "broken.zip").write_bytes(b"no zip")
    return tmp_path / "in"


def test_an_interrupted_class_goes_on_where_it_was(
    embedded_home: None, folder: Path, tmp_path: Path
) -> None:
    desk, handed_in = Desk(tmp_path / "out"), find_handed_in(folder, LAB)

    def interrupt(event: ProgressEvent) -> None:
        if event.action.startswith("Playing") and event.detail.startswith("1 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_class(LAB, handed_in, desk, OPTIONS, interrupt)
    kept = list((desk.root / "recordings").iterdir())
    assert kept

    report = grade_class(LAB, handed_in, desk, OPTIONS)
    assert report.reused >= len(kept)
    assert report.reused + report.played == 5
    passed = {result.submission: result.passed for result in report.results}
    assert passed == {
        "ada": True,
        "broken": False,
        "grace": True,
        "linus": True,
        "mary": True,
        "tim": False,
    }
    assert not report.incomplete

    (folder / "tim" / "deployment.yaml").unlink()
    again = grade_class(LAB, handed_in, desk, OPTIONS)
    assert (again.played, again.reused) == (1, 4)


def test_a_damaged_recording_is_played_anew(
    embedded_home: None, folder: Path, tmp_path: Path
) -> None:
    for name in ("grace", "linus", "mary", "tim"):
        shutil.rmtree(folder / name)
    desk, handed_in = Desk(tmp_path / "out"), find_handed_in(folder, LAB)
    grade_class(LAB, handed_in, desk, OPTIONS)
    desk.recording_path("ada").write_bytes(b"\x1f\x8b damaged")
    report = grade_class(LAB, handed_in, desk, OPTIONS)
    assert (report.played, report.reused) == (1, 0)
    assert report.results[0].passed
