"""A class from its files: what is found, what is written, and what hostile names can do."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from grader.classroom.desk import Desk, gradebook
from grader.classroom.handed_in import find_handed_in
from grader.classroom.run import ClassOptions, grade_class
from grader.errors import UsageError
from grader.load.labs import find_lab
from grader.report.page import class_page, result_page

LAB = find_lab("14")
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)
)
HOSTILE = "<script>alert(1)<"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    shutil.copytree(LAB.solution, folder / "ada")
    shutil.copytree(LAB.starter, folder / "grace" / LAB.id)
    shutil.make_archive(str(folder / "linus"), "zip", LAB.solution)
    (folder / "broken.zip").write_bytes(b"PK\3\4 and no more")
    (folder / "empty").mkdir()
    (folder / "bomb.yaml").write_text(BOMB)
    shutil.copytree(LAB.starter, folder / HOSTILE)
    (folder / "=cmd()").mkdir()
    (folder / "=cmd()" / "x.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")
    return folder


def test_each_learner_is_found_once(folder: Path) -> None:
    names = [entry.name for entry in find_handed_in(folder, LAB)]
    assert names == sorted([HOSTILE, "=cmd()", "ada", "bomb", "broken", "empty", "grace", "linus"])


def test_two_of_one_name_are_a_question_for_the_instructor(folder: Path) -> None:
    shutil.make_archive(str(folder / "ada"), "zip", LAB.solution)
    with pytest.raises(UsageError, match="both handed in by ada"):
        find_handed_in(folder, LAB)


def test_a_class_from_files_has_a_verdict_on_everybody(folder: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "graded")
    report = grade_class(LAB, find_handed_in(folder, LAB), desk, ClassOptions(where="none"))
    by_name = {result.submission: result for result in report.results}
    assert not report.incomplete
    assert by_name["ada"].passed
    assert by_name["linus"].score == by_name["ada"].score
    assert by_name["grace"].score == by_name[HOSTILE].score < by_name["ada"].score / 3
    for name in ("broken", "empty", "bomb"):
        assert by_name[name].score == 0
        assert by_name[name].problems, name
    rows = list(csv.DictReader(io.StringIO((desk.root / "grades.csv").read_text())))
    assert {row["learner"] for row in rows} == {*by_name, "'=cmd()"} - {"=cmd()"}
    assert json.loads((desk.root / "class.json").read_text())[0]["lab"] == LAB.id
    for name in by_name:
        assert (desk.root / "reports" / f"{name}.html").is_file()


def test_names_and_texts_of_learners_are_never_markup(folder: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "graded")
    report = grade_class(LAB, find_handed_in(folder, LAB), desk, ClassOptions(where="none"))
    pages = [class_page(report.results, LAB.id, LAB.file.title)]
    pages += [result_page(result, LAB.file.title) for result in report.results]
    for page in pages:
        assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;" in pages[0]


def test_the_same_files_are_shown_as_such(folder: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "graded")
    report = grade_class(LAB, find_handed_in(folder, LAB), desk, ClassOptions(where="none"))
    assert "ada, linus" in class_page(report.results, LAB.id, LAB.file.title)


def test_a_run_without_a_verdict_has_an_empty_cell_and_not_a_zero(folder: Path) -> None:
    desk = Desk(folder.parent / "graded")
    (result, *_) = grade_class(
        LAB, find_handed_in(folder, LAB), desk, ClassOptions(where="none")
    ).results
    broken = result.model_copy(update={"complete": False})
    (row,) = csv.DictReader(io.StringIO(gradebook([broken])))
    assert (row["score"], row["complete"]) == ("", "no")
