"""Manifests from a notebook's cells, without running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

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


@pytest.mark.parametrize(
    "text",
    [
        "\n\n%%manifest b.yaml\nkind: Pod",
        " \n  %%manifest b.yaml\n  kind: Pod",
        "%%manifest b.yaml\r\nkind: Pod\r\n",
        "%%manifest   b.yaml  \nkind: Pod\n",
    ],
)
def test_what_ipython_takes_for_a_manifest_is_one(text: str, tmp_path: Path) -> None:
    """Or a learner's verdict in the notebook would be another than the one on the hand-in."""
    shell = InteractiveShell.instance()
    ran: list[tuple[str, str]] = []
    shell.register_magic_function(
        lambda line, cell: ran.append((line.strip(), cell.replace("\r", "").strip())),
        "cell",
        "manifest",
    )
    shell.run_cell(text)
    target = unpack_notebook(write(tmp_path / "a.ipynb", text), tmp_path / "out")
    assert ran == [("b.yaml", (target / "b.yaml").read_text().strip())]


def test_a_notebook_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "%%manifest b.yaml\nkind: Pod")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert (unpack_notebook(path, tmp_path / "out") / "b.yaml").is_file()


@pytest.mark.parametrize(
    "cells",
    [
        ["%%manifest a.yaml\nx", "%%manifest a.yaml/b.yaml\nx"],
        [f"%%manifest {'m' * 300}.yaml\nx"],
        ["%%manifest a.yaml\n\ud800"],
    ],
)
def test_cells_that_are_no_files_are_the_learners(cells: list[str], tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"^a\.ipynb: "):
        unpack_notebook(write(tmp_path / "a.ipynb", *cells), tmp_path / "out")
