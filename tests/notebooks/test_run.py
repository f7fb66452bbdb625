"""Every notebook runs from top to bottom: with the reference, and as learners get it."""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from grader.load.labs import course_root, find_lab
from grader.notebook import source

ALWAYS = ("02", "14")
"""Those that every run of the tests executes; the others take minutes each, and are a proof."""
NOTEBOOKS = [
    pytest.param(path, id=path.stem, marks=() if path.name[:2] in ALWAYS else pytest.mark.proof)
    for path in sorted((course_root() / "notebooks").glob("[0-9][0-9]-*.ipynb"))
]
PROMISED = {
    "01": ('endless.evidence("pods")', "CrashLoopBackOff"),
    "06": ('beside.evidence("pods")', "CrashLoopBackOff"),
}
"""What the prose says of a cell's table, where it once depended on when one looked."""
pytestmark = [pytest.mark.embedded, pytest.mark.course, pytest.mark.notebook, pytest.mark.slow]


def run(notebook: source.Json, folder: Path) -> list[source.Json]:
    """The code cells after the run. An error in a cell is kept as its output."""
    nbformat: Any = import_module("nbformat")
    client: Any = import_module("nbclient").NotebookClient
    node = nbformat.from_dict(deepcopy(notebook))
    resources = {"metadata": {"path": str(folder)}}
    client(node, timeout=600, resources=resources, allow_errors=True).execute()
    return [cell for cell in node.cells if cell.cell_type == "code"]


def errors(cells: list[source.Json]) -> list[str]:
    return [
        f"{cell['source'][:60]!r}: {output.get('evalue')}"
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def text(cell: source.Json) -> str:
    shown = (output.get("data", {}).get("text/plain", "") for output in cell["outputs"])
    return "\n".join(shown)


def needed(cell: source.Json) -> bool:
    """Whether the verdict depends on this cell."""
    if cell["cell_type"] != "code":
        return False
    return "graded" in source.tags(cell) or cell["source"].startswith("%%") or source.is_ours(cell)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_with_the_reference(path: Path, tmp_path: Path, home: None) -> None:
    cells = run(source.read(path), tmp_path)
    assert errors(cells) == []
    for cell in cells:
        stderr = [o for o in cell["outputs"] if o.get("name") == "stderr"]
        assert not stderr, f"{cell['source'][:60]!r} wrote to stderr: {stderr[0]['text'][:500]}"
    last_line, words = PROMISED.get(path.name[:2], ("", ""))
    for cell in cells:
        if last_line and cell["source"].endswith(last_line):
            assert words in text(cell)
            last_line = ""
    assert not last_line, "no cell ends like this any more"
    graded = next(cell for cell in cells if "graded" in source.tags(cell))
    points = graded["metadata"]["nbgrader"]["points"]
    assert f"{points:g} of {points:g} points" in text(graded)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_as_released(path: Path, tmp_path: Path, home: None) -> None:
    """Without answers nothing breaks, and only the graded cell fails: kindly, with what to do."""
    original = source.read(path)
    released = source.release(original, find_lab(path.stem))
    before = [cell for cell in original["cells"] if "answer" not in source.tags(cell)]
    after = [cell for cell in released["cells"] if "answer" not in source.tags(cell)]
    assert [c["source"] for c in after] == [source.without_hidden(c["source"]) for c in before]
    # So every experiment is one of those that the other test runs: only the rest is run again.
    released["cells"] = [cell for cell in released["cells"] if needed(cell)]
    cells = run(released, tmp_path)
    assert errors(cells) == []
    graded = next(cell for cell in cells if "graded" in source.tags(cell))
    points = graded["metadata"]["nbgrader"]["points"]
    shown = text(graded)
    assert "FAILED" in shown
    assert "next" in shown
    assert f"{points:g} of {points:g} points" not in shown
    assert "Traceback" not in shown
