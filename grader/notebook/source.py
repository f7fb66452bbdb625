"""A notebook of the course as data: its parts, how it is made clean, and what learners get of it.

Works on the JSON of nbformat 4.5 as plain dicts, so that neither copying a notebook for a learner
nor testing one needs Jupyter. docs/notebooks.md describes the format for authors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from grader.errors import CourseError
from grader.load.cells import MANIFEST, written
from grader.model.draws import fill
from grader.model.lab import Lab

Json = dict[str, Any]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HIDDEN_BEGIN, HIDDEN_END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
REFERENCE_SEED = "course"
"""Whose case the course's own notebook solves, where a lab draws one for each learner."""
STUB = "# your answer"
"""What stands where a solution was: a comment in YAML as in Python."""
_SOLUTION = re.compile(
    rf"^[ \t]*{BEGIN}[ \t]*\n.*?^[ \t]*{END}[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_HIDDEN = re.compile(
    rf"^[ \t]*{HIDDEN_BEGIN}[ \t]*\n.*?^[ \t]*{HIDDEN_END}[ \t]*\n?", re.DOTALL | re.MULTILINE
)


def read(path: Path) -> Json:
    """The notebook's JSON, each cell's source as one text. Raises CourseError."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{path} is not a notebook: {error}") from error
    if not isinstance(notebook, dict):
        raise CourseError(f"{path} is not a notebook")
    return notebook


def write(notebook: Json, path: Path) -> None:
    """Write it as Jupyter does: sources by line, keys sorted, one blank of indent."""
    path.write_text(dumps(notebook), encoding="utf-8")


def dumps(notebook: Json) -> str:
    """The file's text."""
    ready = deepcopy(notebook)
    for cell in ready["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    return json.dumps(ready, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def tags(cell: Json) -> list[str]:
    """The cell's tags."""
    return list(cell.get("metadata", {}).get("tags") or [])


def clean(notebook: Json) -> Json:
    """Without outputs and editors' traces, with the course's kernel and stable cell ids.

    An id is made of the cell's text, so the same text always gives the same file, and a change of
    one cell touches that cell only.
    """
    cells = []
    seen: dict[str, int] = {}
    for cell in notebook["cells"]:
        kept: Json = {
            "cell_type": cell["cell_type"],
            "id": _stable_id(cell, seen),
            "metadata": _kept_metadata(cell),
            "source": cell["source"].strip("\n"),
        }
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    return {
        "cells": cells,
        "metadata": {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def complete(notebook: Json, lab: Lab, points: float) -> Json:
    """Fill in what authors leave out: the reference in each cell tagged `answer`, and nbgrader's
    metadata in those and in the one tagged `graded`."""
    ready = deepcopy(notebook)
    for cell in ready["cells"]:
        if "answer" in tags(cell):
            name = answer_name(cell)
            text = _as_drawn(lab, _lab_file(lab.solution, name), REFERENCE_SEED)
            cell["source"] = f"%%manifest {name}\n{BEGIN}\n{text.rstrip()}\n{END}"
            cell["metadata"]["nbgrader"] = nbgrader_metadata(
                f"{lab.number}-{_in_one_word(name)}", solution=True
            )
        elif "graded" in tags(cell):
            grade_id = f"lab-{lab.number}"
            cell["metadata"]["nbgrader"] = nbgrader_metadata(grade_id, points=points)
        elif cell["cell_type"] == "code" and re.match(r"predict\(", cell["source"]):
            # The question is read in the output; its feedback is not to be read before the click.
            cell["metadata"]["jupyter"] = {"source_hidden": True}
        elif is_ours(cell):
            grade_id = f"{lab.number}-start"
            cell["metadata"]["nbgrader"] = nbgrader_metadata(grade_id, locked=True)
    return ready


def release(notebook: Json, lab: Lab | None, seed: str = REFERENCE_SEED) -> Json:
    """What a learner gets: starter files in place of the reference, no hidden tests.

    In a lab that draws a case for each learner, the files are those of this seed. The knowledge
    check belongs to no lab (None): its answers are simply left out.
    """
    ready = deepcopy(notebook)
    for cell in ready["cells"]:
        if "answer" in tags(cell) and lab is not None:
            cell["source"] = released_answer(cell, lab, seed)
        cell["source"] = _SOLUTION.sub(f"{STUB}\n", without_hidden(cell["source"])).rstrip("\n")
    return ready


def released_answer(cell: Json, lab: Lab, seed: str = REFERENCE_SEED) -> str:
    """What an answer cell says when a learner gets it: the lab's starter, with its TODOs."""
    name = answer_name(cell)
    return f"%%manifest {name}\n{_as_drawn(lab, _starter(lab, name), seed).rstrip()}"


def without_hidden(text: str) -> str:
    """A cell's text without what only the instructor's version tests."""
    return _HIDDEN.sub("", text)


def lab_number(grade_id: str) -> str:
    """The lab's number in one of our grade ids ("lab-02", "02-start"), or an empty string."""
    found = re.fullmatch(r"lab-(\d\d)|(\d\d)-[\w-]+", grade_id)
    return (found[1] or found[2]) if found else ""


def answer_name(cell: Json) -> str:
    """The file that an answer cell writes."""
    found = MANIFEST.match(cell["source"].rstrip() + "\n")
    if found is None or found[1] != "manifest":
        raise CourseError("a cell tagged `answer` begins with %%manifest and a file name")
    return found[2]


def is_ours(cell: Json) -> bool:
    """Whether this is the cell that starts the notebook: it runs in a classroom, too."""
    return cell["cell_type"] == "code" and re.search(r"^start\(", cell["source"], re.M) is not None


def manifests(notebook: Json) -> Iterator[tuple[str, str]]:
    """Name and text of each manifest that the cells would write, without running anything."""
    return _written(notebook, "manifest")


def answers(notebook: Json) -> Iterator[tuple[str, str]]:
    """Question and text of each answer to the knowledge check, in the same way."""
    return _written(notebook, "answer")


def _written(notebook: Json, magic: str) -> Iterator[tuple[str, str]]:
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return written(code, magic)


def nbgrader_metadata(
    grade_id: str, *, solution: bool = False, points: float | None = None, locked: bool = False
) -> Json:
    """nbgrader's own metadata, schema version 3."""
    found: Json = {
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": locked or points is not None,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        found["points"] = points
    return found


def _starter(lab: Lab, name: str) -> str:
    path = lab.starter / name
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return f"# TODO: {name}. The task above says what it holds.\n"


def _in_one_word(name: str) -> str:
    """A file's name without its ending, folders included: each cell has an id of its own."""
    return str(Path(name).with_suffix("")).replace("/", "-")


def _as_drawn(lab: Lab, text: str, seed: str) -> str:
    if not lab.file.seeded:
        return text
    from grader.load.seeds import drawn_for

    return fill(text, drawn_for(lab, seed))


def _lab_file(folder: Path, name: str) -> str:
    path = folder / name
    if not path.is_file():
        raise CourseError(f"the reference has no file {name}: {folder}")
    return path.read_text(encoding="utf-8")


def _stable_id(cell: Json, seen: dict[str, int]) -> str:
    base = hashlib.sha256(f"{cell['cell_type']}\n{cell['source'].strip()}".encode()).hexdigest()[:8]
    seen[base] = seen.get(base, 0) + 1
    return base if seen[base] == 1 else f"{base}-{seen[base]}"


def _kept_metadata(cell: Json) -> Json:
    metadata = cell.get("metadata") or {}
    return {key: metadata[key] for key in ("jupyter", "nbgrader", "tags") if key in metadata}
