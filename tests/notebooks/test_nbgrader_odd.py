"""nbgrader with hand-ins as they come: copied and deleted cells, damaged files. Files only."""

from __future__ import annotations

import csv
import json
from copy import deepcopy
from pathlib import Path

import pytest

from grader.judge.survey import provable_points
from grader.notebook import source
from tests.notebooks.test_nbgrader import LAB, Course, Edit, nothing, right

POINTS = provable_points(LAB, "none")
pytestmark = [pytest.mark.course, pytest.mark.notebook, pytest.mark.slow]


def a_copied_cell(notebook: source.Json) -> None:
    """Jupyter copies a cell with nbgrader's metadata in it."""
    right(notebook)
    for cell in list(notebook["cells"]):
        if "answer" in source.tags(cell):
            notebook["cells"].append({**deepcopy(cell), "id": f"copy{len(notebook['cells'])}"})


def no_graded_cell(notebook: source.Json) -> None:
    right(notebook)
    notebook["cells"] = [c for c in notebook["cells"] if "graded" not in source.tags(c)]


def no_metadata(notebook: source.Json) -> None:
    """As some editors leave a notebook."""
    right(notebook)
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def as_on_windows(notebook: source.Json) -> None:
    right(notebook)
    for cell in notebook["cells"]:
        cell["source"] = f"\n{cell['source']}".replace("\n", "\r\n")


def of_another_year(notebook: source.Json) -> None:
    right(notebook)
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["schema_version"] = 2


RIGHT: dict[str, Edit] = {
    "a-copied": a_copied_cell,
    "b-deleted": no_graded_cell,
    "c-stripped": no_metadata,
    "d-windows": as_on_windows,
    "e-older": of_another_year,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, home: None) -> Course:
    found = Course(tmp_path_factory.mktemp("class"), cluster="none")
    found.nbgrader("generate_assignment", LAB.id)
    for learner, edit in RIGHT.items():
        found.put(learner, edit)
    found.put("=damaged", nothing)
    path = found.root / "submitted" / "=damaged" / LAB.id / f"{LAB.id}.ipynb"
    path.write_text(path.read_text()[:999])
    with pytest.raises(AssertionError, match="=damaged"):
        found.nbgrader("autograde", LAB.id)
    found.nbgrader("export")
    return found


def exported(course: Course) -> dict[str, str]:
    with (Path(course.root) / "grades.csv").open() as file:
        return {row["student_id"]: row["score"] for row in csv.DictReader(file)}


def test_right_work_in_an_odd_notebook_has_its_points(course: Course) -> None:
    scores = exported(course)
    assert {name: float(scores[name] or "nan") for name in RIGHT} == dict.fromkeys(RIGHT, POINTS)


def test_what_could_not_be_graded_is_no_zero_and_no_formula(course: Course) -> None:
    assert exported(course)["'=damaged"] == ""


def test_a_chosen_learner_is_exported_alone(course: Course) -> None:
    course.nbgrader("export", "--to=one.csv", f"--student={json.dumps(['b-deleted'])}")
    with (Path(course.root) / "one.csv").open() as file:
        assert [row["student_id"] for row in csv.DictReader(file)] == ["b-deleted"]
