"""What a class has handed in: a folder with one folder, archive, notebook or file for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from grader.classroom.archives import ENDINGS, is_archive, unpack
from grader.errors import SubmissionError, UsageError
from grader.grading.grade import read_case
from grader.judge.case import Case
from grader.load.cells import unpack_notebook
from grader.load.files import SUFFIXES
from grader.model.lab import Lab
from grader.model.manifest import Submission

NOTEBOOK = ".ipynb"
_LAYOUT = "It holds one folder, archive, notebook or file for each learner, named after them."


@dataclass(frozen=True)
class HandedIn:
    """One learner's work: `name` is the learner's, `path` a folder, an archive or a manifest."""

    name: str
    path: Path


def find_handed_in(folder: Path, lab: Lab) -> list[HandedIn]:
    """Everything handed in for this lab, in order of name.

    A learner's folder may hold the lab's own folder (`ada/02-inference-deployment/`), as course
    systems collect it. Raises UsageError where there is nothing, or two of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", _LAYOUT)
    found = sorted(_entries(folder, lab), key=lambda entry: entry.name)
    if not found:
        raise UsageError(f"the folder {folder} holds nothing that was handed in", _LAYOUT)
    for one, other in pairwise(found):
        if one.name == other.name:
            raise UsageError(
                f"{one.path.name} and {other.path.name} are both handed in by {one.name}",
                "Keep the one that counts.",
            )
    return found


def _entries(folder: Path, lab: Lab) -> Iterator[HandedIn]:
    for path in folder.iterdir():
        if path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            own = path / lab.id
            yield HandedIn(path.name, own if own.is_dir() else path)
        elif is_archive(path):
            yield HandedIn(_without_ending(path.name), path)
        elif path.suffix.lower() in {*SUFFIXES, NOTEBOOK}:
            yield HandedIn(path.stem, path)


def _without_ending(name: str) -> str:
    longest = max((end for end in ENDINGS if name.lower().endswith(end)), key=len)
    return name[: -len(longest)]


def _notebook_in(folder: Path, lab: Lab) -> Path | None:
    """The lab's notebook in a learner's folder that holds no manifest, as nbgrader collects it."""
    path = folder / f"{lab.id}{NOTEBOOK}"
    if not path.is_file() or any(p.suffix.lower() in SUFFIXES for p in folder.rglob("*")):
        return None
    return path


def case_of_handed_in(lab: Lab, entry: HandedIn, scratch: Path) -> Case:
    """The case of one learner; what cannot be read makes a case that says so.

    MachineError, as ever, is none of the learner's doing.
    """
    path = _notebook_in(entry.path, lab) or entry.path
    try:
        if path.suffix.lower() == NOTEBOOK:
            path = unpack_notebook(path, scratch / entry.name)
        elif path.is_file() and is_archive(path):
            path = unpack(path, scratch / entry.name)
        case = read_case(lab, path, entry.name)
    except (SubmissionError, UsageError) as error:
        empty = Submission(name=entry.name, digest="", manifests=())
        case = Case(entry.name, empty, unreadable=error.message)
    case.id = entry.name
    return case
