"""Manifests from a notebook's cells, without running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.errors import SubmissionError
from grader.load.cells import unpack_notebook


def write(path: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
    path.write_text(json.dumps({"cells": [*code, {"cell_type": "markdown", "source": "x"}]}))
    return path


def test_manifest_cells_become_files(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ipynb", "%%manifest a/b.yaml\nkind: Pod", "print(1)", "%%draft c.yaml\nx"
    )
    target = unpack_notebook(path, tmp_path / "out")
    assert [p.relative_to(target).as_posix() for p in target.rglob("*.yaml")] == ["a/b.yaml"]
    assert (target / "a" / "b.yaml").read_text() == "kind: Pod\n"


@pytest.mark.parametrize("name", ["../x.yaml", "/tmp/x.yaml", ".x.yaml", "x.py", "{open()}.yaml"])
def test_names_that_lead_elsewhere_are_left_out(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", f"%%manifest {name}\nkind: Pod")
    target = unpack_notebook(path, tmp_path / "out")
    assert list(target.rglob("*")) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ipynb", "out"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{}]}', '{"cells": 1}', "\xff"])
def test_what_is_no_notebook_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SubmissionError, match="not a notebook"):
        unpack_notebook(path, tmp_path / "out")
