"""Every committed notebook has the form that docs/notebooks.md asks for."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from grader.judge.survey import provable_points
from grader.load.labs import course_root, find_lab
from grader.notebook import form, source
from grader.notebook.author import build, rebuilt, text_of

FOLDER = course_root() / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9][0-9]-*.ipynb"))
EXAMPLE = source.read(FOLDER / "02-inference-deployment.ipynb")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_form(path: Path) -> None:
    assert form.problems(source.read(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_as_built_from_the_present_lab(path: Path) -> None:
    """The reference, the points and the ids: `author build` would write the same bytes."""
    lab = find_lab(path.stem)
    notebook = source.read(path)
    assert path.read_text(encoding="utf-8") == source.dumps(rebuilt(notebook, lab))
    graded = [c for c in notebook["cells"] if "graded" in source.tags(c)]
    assert [c["metadata"]["nbgrader"]["points"] for c in graded] == [provable_points(lab)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_survives_the_way_to_text_and_back(path: Path) -> None:
    lab = find_lab(path.stem)
    assert source.dumps(build(text_of(source.read(path)), lab)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_release_gives_nothing_away(path: Path) -> None:
    lab = find_lab(path.stem)
    released = source.dumps(source.release(source.read(path), lab))
    assert "SOLUTION" not in released
    assert "HIDDEN" not in released
    for file in lab.solution.glob("*.yaml"):
        assert file.read_text(encoding="utf-8") not in released


def changed(change: Any) -> list[str]:
    notebook = deepcopy(EXAMPLE)
    change(notebook["cells"])
    return form.problems(notebook)


def without(tag: str) -> Any:
    def change(cells: list[source.Json]) -> None:
        cells[:] = [cell for cell in cells if tag not in form.parts(cell)]

    return change


@pytest.mark.parametrize("part", form.ORDER)
def test_each_part_is_missed(part: str) -> None:
    assert any(part in problem for problem in changed(without(part)))


def test_outputs_are_found() -> None:
    assert changed(lambda cells: cells[3].update(execution_count=1))
    assert changed(lambda cells: cells[3].update(id=cells[4]["id"]))
    assert changed(lambda cells: cells[3].update(source="def"))


def test_order_is_looked_at() -> None:
    assert any("comes before" in problem for problem in changed(lambda cells: cells.reverse()))


def test_a_wall_of_text_is_found() -> None:
    wall = "word " * (2 * form.SCREEN + 1)
    assert any("words of prose" in p for p in changed(lambda cells: cells[0].update(source=wall)))


def test_a_prediction_without_its_experiment_is_found() -> None:
    def twice(cells: list[source.Json]) -> None:
        place = next(i for i, cell in enumerate(cells) if "predict" in form.parts(cell))
        cells.insert(place, {**cells[place], "id": "another"})

    assert any("not followed" in problem for problem in changed(twice))
