"""Whether a notebook has the form that docs/notebooks.md asks for; what is missing in sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import pairwise

from grader.notebook.source import BEGIN, Json, tags

SCREEN = 330
"""Words of prose that fill about one screen of JupyterLab."""

ORDER = (
    "opening",
    "figure",
    "start",
    "manifest",
    "experiment",
    "task",
    "answer",
    "graded",
    "remember",
    "mistake",
    "reading",
)
"""The parts, by where each is first seen."""


def problems(notebook: Json) -> list[str]:
    """Everything that is wrong with the form; an empty list if nothing is."""
    cells = notebook["cells"]
    return [*_unclean(notebook), *_order(cells), *_counts(cells), *_prose(cells), *_closing(cells)]


def parts(cell: Json) -> set[str]:
    """Which parts of a notebook this cell is."""
    source, known = cell["source"], set(tags(cell)) & set(ORDER)
    if cell["cell_type"] == "markdown":
        return known | ({"figure"} if "```mermaid" in source else set())
    for part, pattern in _CODE.items():
        if pattern.search(source):
            known.add(part)
    return known


_CODE = {
    "start": re.compile(r"^start\(", re.M),
    "manifest": re.compile(r"\A%%(draft|manifest) "),
    "experiment": re.compile(r"\bexperiment\("),
    "evidence": re.compile(r"\.(evidence|events|field)\("),
    "timeline": re.compile(r"\.timeline\("),
    "predict": re.compile(r"\bpredict\("),
}


def _unclean(notebook: Json) -> list[str]:
    found = []
    if notebook.get("metadata", {}).get("kernelspec", {}).get("name") != "python3":
        found.append("its kernel is not python3")
    ids = [cell.get("id") for cell in notebook["cells"]]
    if None in ids or len(set(ids)) != len(ids):
        found.append("a cell has no id of its own")
    for number, cell in enumerate(notebook["cells"], 1):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            found.append(f"cell {number} has outputs or an execution count")
        if cell["cell_type"] == "code" and not cell["source"].startswith("%%"):
            try:
                ast.parse(cell["source"])
            except SyntaxError as error:
                found.append(f"cell {number} is not valid Python: {error.msg}")
    return found


def _order(cells: list[Json]) -> list[str]:
    first: dict[str, int] = {}
    for number, cell in enumerate(cells):
        for part in parts(cell):
            first.setdefault(part, number)
    found = [f"it has no part `{part}`" for part in ORDER if part not in first]
    there = [part for part in ORDER if part in first]
    for before, after in pairwise(there):
        if first[before] > first[after]:
            found.append(f"`{after}` comes before `{before}`")
    return found


def _counts(cells: list[Json]) -> list[str]:
    count = {part: sum(part in parts(cell) for cell in cells) for part in _CODE}
    found = []
    if count["manifest"] < 3:
        found.append("a manifest is built up in two steps at least, before the answer")
    if count["predict"] < 2:
        found.append("it asks fewer than two `predict` questions")
    if not count["evidence"]:
        found.append("no experiment shows evidence")
    if not count["timeline"]:
        found.append("no experiment shows its timeline")
    answers = [cell for cell in cells if "answer" in tags(cell)]
    if any(BEGIN not in cell["source"] for cell in answers):
        found.append("an answer cell has no reference: build the notebook with `author`")
    found += _predictions_are_checked(cells)
    return found


def _predictions_are_checked(cells: list[Json]) -> list[str]:
    """Each question is followed by an experiment before the next one is asked."""
    waiting, found = 0, []
    for number, cell in enumerate(cells, 1):
        here = parts(cell) if cell["cell_type"] == "code" else set()
        if "predict" in here:
            if waiting:
                found.append(f"the prediction in cell {waiting} is not followed by an experiment")
            waiting = number
        elif here & {"experiment", "evidence", "graded"}:
            waiting = 0
    return found


def _prose(cells: list[Json]) -> list[str]:
    """No more than two screens of prose between things to do."""
    found, words, since = [], 0, 1
    for number, cell in enumerate([*cells, {"cell_type": "code", "source": ""}], 1):
        if cell["cell_type"] == "markdown":
            words += _words(cell["source"])
            continue
        if words > 2 * SCREEN:
            found.append(f"{words} words of prose before cell {number}, since cell {since}")
        words, since = 0, number
    return found


def _words(text: str) -> int:
    """Words that a reader reads: figures and code are looked at."""
    return len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split())


def _closing(cells: list[Json]) -> list[str]:
    rules: dict[str, tuple[Callable[[str], bool], str]] = {
        "remember": (
            lambda text: len(re.findall(r"^\d\. ", text, re.M)) == 3,
            "`remember` is a list of three numbered sentences",
        ),
        "reading": (
            lambda text: len(re.findall(r"\]\(https://", text)) >= 2,
            "`reading` links two sources at least",
        ),
        "task": (lambda text: "labs/" in text, "`task` links the lab's README"),
    }
    found = []
    for cell in cells:
        for part, (holds, sentence) in rules.items():
            if part in tags(cell) and not holds(cell["source"]):
                found.append(sentence)
    return found
