"""The manifests that a notebook's cells would write, read from its file; nothing is run."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from pathlib import Path

from grader.errors import MachineError, SubmissionError
from grader.load.limits import MAX_FILES, human

NOTEBOOK = ".ipynb"

LARGEST = 32 * 1024 * 1024
"""Bytes of a notebook; its outputs, pictures among them, take far more than its manifests."""

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*\.(yaml|yml|json)")
"""A file name that a manifest cell may have: relative, visible, and leading nowhere else."""

MANIFEST = re.compile(r"%%(manifest|draft|answer)[ \t]+(\S+)[ \t]*\n")
"""The first line of a cell that is text: what it is, and its name. It is never evaluated."""


def written(cells: Iterator[str] | list[str], magic: str) -> Iterator[tuple[str, str]]:
    """Name and text of each code cell that begins with this magic."""
    for text in cells:
        cell = _as_run(text)
        found = MANIFEST.match(cell)
        if found is not None and found[1] == magic:
            yield found[2], cell[found.end() :]


def _as_run(text: str) -> str:
    """The cell as IPython runs it: line ends of any system, neither empty lines before the first
    nor its indentation. What is a manifest in a learner's notebook must be one here."""
    text = re.sub(r"\r\n?", "\n", text)
    text = re.sub(r"\A(?:[ \t]*\n)+", "", text)
    indent = re.match(r"[ \t]+", text)
    return re.sub(f"^{indent[0]}", "", text, flags=re.MULTILINE) if indent else text


def unpack_notebook(path: Path, target: Path) -> Path:
    """Write a notebook's manifests into the folder `target`, which must not exist yet.

    SubmissionError where it is no notebook; names that lead elsewhere are left out. MachineError
    where the file cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise SubmissionError(f"The notebook is too large: {human(size)}.", where=path.name)
        data = path.read_bytes()
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SubmissionError("This is not a notebook.", where=path.name) from error
    target.mkdir(parents=True)
    for number, (name, text) in enumerate(written(sources, "manifest")):
        if number < MAX_FILES and NAME.fullmatch(name):
            _write(target / name, text if text.endswith("\n") else f"{text}\n", path.name)
    return target


def _write(file: Path, text: str, notebook: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    except UnicodeEncodeError as error:
        raise SubmissionError(f"The cell {file.name} is no text.", where=notebook) from error
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            raise SubmissionError("A cell's file name cannot be used.", where=notebook) from error
        raise MachineError(f"{file} cannot be written: {error.strerror or error}.") from error
