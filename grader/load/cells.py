"""The manifests that a notebook's cells would write, read from its file; nothing is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from grader.errors import SubmissionError
from grader.load.limits import MAX_FILES, human

LARGEST = 32 * 1024 * 1024
"""Bytes of a notebook; its outputs, pictures among them, take far more than its manifests."""

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*\.(yaml|yml|json)")
"""A file name that a manifest cell may have: relative, visible, and leading nowhere else."""

MANIFEST = re.compile(r"%%(manifest|draft|answer)[ \t]+(\S+)[ \t]*\n")
"""The first line of a cell that is text: what it is, and its name. It is never evaluated."""


def written(cells: Iterator[str] | list[str], magic: str) -> Iterator[tuple[str, str]]:
    """Name and text of each code cell that begins with this magic."""
    for text in cells:
        found = MANIFEST.match(text)
        if found is not None and found[1] == magic:
            yield found[2], text[found.end() :]


def unpack_notebook(path: Path, target: Path) -> Path:
    """Write a notebook's manifests into the folder `target`, which must not exist yet.

    SubmissionError where it is no notebook; names that lead elsewhere are left out.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise SubmissionError(f"The notebook is too large: {human(size)}.", where=path.name)
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SubmissionError("This is not a notebook.", where=path.name) from error
    target.mkdir(parents=True)
    for number, (name, text) in enumerate(written(sources, "manifest")):
        if number < MAX_FILES and NAME.fullmatch(name):
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    return target
