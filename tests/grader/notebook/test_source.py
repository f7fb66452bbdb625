"""Notebooks as data: clean, complete, and what learners get of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.errors import CourseError
from grader.load.labs import find_lab
from grader.load.seeds import seed_of
from grader.notebook import source
from grader.notebook.copies import copy_course

LAB = find_lab("02")


def cell(text: str, kind: str = "code", *tags: str, **metadata: Any) -> source.Json:
    found: source.Json = {
        "cell_type": kind,
        "metadata": {**metadata, **({"tags": list(tags)} if tags else {})},
        "source": text,
        "id": "x",
    }
    if kind == "code":
        found |= {"outputs": [{"output_type": "stream"}], "execution_count": 3}
    return found


def notebook(*cells: source.Json) -> source.Json:
    return {"cells": list(cells), "metadata": {"foo": 1}, "nbformat": 4, "nbformat_minor": 2}


def test_clean_drops_outputs_and_foreign_metadata() -> None:
    clean = source.clean(notebook(cell("1", "code", "a", collapsed=True)))
    assert clean["cells"][0]["outputs"] == []
    assert clean["cells"][0]["execution_count"] is None
    assert clean["cells"][0]["metadata"] == {"tags": ["a"]}
    assert clean["metadata"]["kernelspec"]["name"] == "python3"


def test_ids_come_from_the_text_and_are_unique() -> None:
    first = source.clean(notebook(cell("1"), cell("1"), cell("2")))
    again = source.clean(notebook(cell("0"), cell("1"), cell("2")))
    ids = [c["id"] for c in first["cells"]]
    assert len(set(ids)) == 3
    assert ids[0] == again["cells"][1]["id"]
    assert ids[2] == again["cells"][2]["id"]
    assert source.dumps(source.clean(first)) == source.dumps(first)


def test_complete_brings_the_reference_and_the_points() -> None:
    ready = source.complete(
        notebook(cell("%%manifest service.yaml", "code", "answer"), cell("x", "code", "graded")),
        LAB,
        20.0,
    )
    answer, graded = ready["cells"]
    assert source.BEGIN in answer["source"]
    assert "kind: Service" in answer["source"]
    assert answer["metadata"]["nbgrader"]["solution"] is True
    assert graded["metadata"]["nbgrader"]["points"] == 20.0
    assert graded["metadata"]["nbgrader"]["locked"] is True
    assert source.complete(ready, LAB, 20.0) == ready


def test_release_has_the_starter_and_no_hidden_test() -> None:
    hidden = f"check('02')\n{source.HIDDEN_BEGIN}\nassert secret\n{source.HIDDEN_END}\n"
    ready = source.release(
        notebook(
            cell(
                f"%%manifest service.yaml\n{source.BEGIN}\nsecret\n{source.END}", "code", "answer"
            ),
            cell(hidden, "code", "graded"),
        ),
        LAB,
    )
    assert "secret" not in json.dumps(ready)
    assert "TODO" in ready["cells"][0]["source"]
    assert ready["cells"][1]["source"] == "check('02')"


def test_an_answer_names_its_file() -> None:
    with pytest.raises(CourseError, match="%%manifest"):
        source.answer_name(cell("kind: Service", "code", "answer"))


def test_manifests_are_read_without_running() -> None:
    every = list(
        source.manifests(
            notebook(
                cell("%%manifest a/b.yaml\nkind: Service\n"),
                cell("%%draft c.yaml\nkind: Pod\n"),
                cell("%%manifest {__import__('os').getcwd()} d.yaml\nkind: Pod\n"),
                cell("text", "markdown"),
            )
        )
    )
    assert every == [("a/b.yaml", "kind: Service\n")]


def test_a_file_that_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("{}")
    with pytest.raises(CourseError, match="not a notebook"):
        source.read(path)


def an_answer(name: str) -> source.Json:
    metadata = {"tags": ["answer"]}
    text = f"%%manifest {name}"
    return {"cell_type": "code", "metadata": metadata, "outputs": [], "source": text}


def test_a_drawn_case_is_the_learners_own(tmp_path: Path) -> None:
    """Labs that draw a case: the course's notebook solves one, each copy holds another."""
    lab = find_lab("07")
    cells = [an_answer("seed.yaml"), an_answer("oomkilled.yaml")]
    ready = source.complete({"cells": cells, "metadata": {}}, lab, 1)
    assert f"seed: {source.REFERENCE_SEED}" in ready["cells"][0]["source"]
    assert "${" not in ready["cells"][1]["source"]
    released = source.release(ready, lab, "k7f3wq")
    assert "seed: k7f3wq" in released["cells"][0]["source"]
    assert released == source.release(ready, lab, "k7f3wq")
    copy_course(tmp_path, [lab])
    seed = seed_of(tmp_path / lab.id)
    assert seed
    text = (tmp_path / f"{lab.id}.ipynb").read_text(encoding="utf-8")
    assert f"seed: {seed}" in text
    (tmp_path / f"{lab.id}.ipynb").unlink()
    copy_course(tmp_path, [lab])
    assert (tmp_path / f"{lab.id}.ipynb").read_text(encoding="utf-8") == text


def test_every_answer_cell_has_an_id_of_its_own() -> None:
    cells = [an_answer("oomkilled.yaml"), an_answer("diagnosis/oomkilled.yaml")]
    ready = source.complete({"cells": cells, "metadata": {}}, find_lab("07"), 1)
    ids = [found["metadata"]["nbgrader"]["grade_id"] for found in ready["cells"]]
    assert ids == ["07-oomkilled", "07-diagnosis-oomkilled"]
