"""What a class has handed in: a folder with one folder, archive, notebook or file for each."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from grader.classroom.archives import ENDINGS, is_archive, unpack
from grader.errors import MachineError, SubmissionError, UsageError
from grader.grading.grade import read_case
from grader.judge.case import Case
from grader.load.cells import NOTEBOOK, unpack_notebook
from grader.load.files import SUFFIXES
from grader.load.limits import MAX_ENTRIES
from grader.load.text import shown
from grader.model.lab import Lab
from grader.model.manifest import Submission

_LAYOUT = "It holds one folder, archive, notebook or file for each learner, named after them."
_CANVAS = re.compile(r"(?P<who>.+?)(?:_LATE)?_(?P<id>\d+)_\d+_.+")
_ONLINE_TEXT = "_assignsubmission_onlinetext_"
"""What Moodle calls the folders that hold no files but what learners typed on its page."""
_OF_SYSTEMS = frozenset({"desktop.ini", "thumbs.db"})


@dataclass(frozen=True)
class HandedIn:
    """One learner's work: `name` is the learner's, `path` a folder, an archive or a manifest."""

    name: str
    path: Path


def find_handed_in(folder: Path, lab: Lab) -> list[HandedIn]:
    """Everything handed in for this lab, in order of name.

    A learner's folder may hold the lab's own folder (`ada/02-inference-deployment/`), as course
    systems collect it, or, where it holds no manifest, one notebook or one archive. Raises
    UsageError where there is nothing, where two have one name, and where several files of a
    learner could be the one that counts.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", _LAYOUT)
    found = sorted(_entries(folder, lab), key=lambda entry: entry.name)
    if not found:
        raise UsageError(f"the folder {folder} holds nothing that was handed in", _LAYOUT)
    for one, other in pairwise(found):
        if one.name == other.name:
            raise UsageError(
                f"{shown(one.path.name)} and {shown(other.path.name)} are both handed in "
                f"by {one.name}",
                "Keep the one that counts.",
            )
    _refuse_parts([entry for entry in found if entry.path.parent == folder])
    return found


def _refuse_parts(found: list[HandedIn]) -> None:
    """Canvas exports each file of a learner on its own: graded alone, each would fail."""
    first: dict[tuple[str, str], str] = {}
    for entry in found:
        name = shown(entry.path.name)
        part = _CANVAS.fullmatch(name) if entry.path.is_file() else None
        if part is None:
            continue
        other = first.setdefault((part["who"], part["id"]), name)
        if other != name:
            raise UsageError(
                f"{other} and {name} are files of one learner, as Canvas names them",
                "Put all files of a learner into one folder or archive, named after them.",
            )


def left_out(folder: Path) -> list[str]:
    """Names of what lies there and is nobody's work: a class must not lose anything unseen."""
    return sorted(
        shown(path.name)
        for path in folder.iterdir()
        if not _is_work(path)
        and not path.name.startswith((".", "__"))
        and path.name.lower() not in _OF_SYSTEMS
    )


def _is_work(path: Path) -> bool:
    if path.name.startswith((".", "__")) or path.name.endswith(_ONLINE_TEXT):
        return False
    wanted = is_archive(path) or path.suffix.lower() in {*SUFFIXES, NOTEBOOK}
    return path.is_dir() or (path.is_file() and wanted)


def _entries(root: Path, lab: Lab) -> Iterator[HandedIn]:
    for path in filter(_is_work, root.iterdir()):
        if path.is_dir():
            own = path / lab.id
            # Unlike is_dir of a Path, this is no error where there is no right to look.
            folder = own if os.path.isdir(own) else path  # noqa: PTH112
            yield HandedIn(_name(path.name), _counts(folder, path, lab))
        elif is_archive(path):
            yield HandedIn(_name(_without_ending(path.name)), path)
        else:
            yield HandedIn(_name(path.stem), path)


def _name(text: str) -> str:
    """A learner's name as reports show it; two that look the same are the same."""
    return unicodedata.normalize("NFC", shown(text))


def _counts(folder: Path, whole: Path, lab: Lab) -> Path:
    """What to grade of a learner's folder; UsageError where that is for the instructor to say."""
    found = _candidates(folder, lab)
    if len(found) > 1:
        one, other = (shown(str(path.relative_to(folder))) for path in found[:2])
        raise UsageError(
            f"the folder {shown(whole.name)} holds both {one} and {other}",
            "Keep the one that counts.",
        )
    return found[0]


def _candidates(folder: Path, lab: Lab) -> list[Path]:
    """The folder itself where it holds manifests, or nothing at all; else its notebooks, of which
    the one called like the lab goes before all others; else its archives."""
    files = sorted(islice(_visible(folder), MAX_ENTRIES))
    if any(path.suffix.lower() in SUFFIXES for path in files):
        return [folder]
    named = folder / f"{lab.id}{NOTEBOOK}"
    if named in files:
        return [named]
    notebooks = [path for path in files if path.suffix.lower() == NOTEBOOK]
    return notebooks or [path for path in files if is_archive(path)] or [folder]


def _visible(folder: Path) -> Iterator[Path]:
    """Files that a person put there, at any depth; folders that are links are not entered."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        yield from (Path(root) / name for name in names if not name.startswith("."))


def _without_ending(name: str) -> str:
    longest = max((end for end in ENDINGS if name.lower().endswith(end)), key=len)
    return name[: -len(longest)]


def case_of_handed_in(lab: Lab, entry: HandedIn, scratch: Path) -> Case:
    """The case of one learner; what cannot be read makes a case that says so.

    A refusal by the system (no right to read, a full disk) is none of the learner's doing: such a
    case has a fault and no verdict, and the rest of the class has theirs.
    """
    empty = Submission(name=entry.name, digest="", manifests=())
    try:
        case = read_case(lab, _files_of(lab, entry, scratch), entry.name)
    except (SubmissionError, UsageError) as error:
        case = Case(entry.name, empty, unreadable=error.message)
    except MachineError as error:
        case = Case(entry.name, empty, fault=error.message)
    except OSError as error:
        why = f"{shown(entry.path.name)} cannot be read: {error.strerror or error}."
        case = Case(entry.name, empty, fault=why)
    case.id = entry.name
    return case


def _files_of(lab: Lab, entry: HandedIn, scratch: Path) -> Path:
    """The folder or file with the manifests, those of archives and notebooks taken out."""
    path = entry.path
    if path.is_file() and is_archive(path):
        folder = unpack(path, Path(tempfile.mkdtemp(dir=scratch)))
        path = _only_one(folder, path, lab)
    if path.suffix.lower() == NOTEBOOK and path.is_file():
        notebook = path
        path = unpack_notebook(path, Path(tempfile.mkdtemp(dir=scratch)) / "files")
        if not any(path.iterdir()):
            why = "No cell of the notebook begins with %%manifest and a file name."
            raise SubmissionError(why, where=shown(notebook.name))
    return path


def _only_one(folder: Path, archive: Path, lab: Lab) -> Path:
    found = _candidates(folder, lab)
    if len(found) > 1:
        names = " and ".join(shown(path.name) for path in found[:2])
        raise SubmissionError(f"The archive holds both {names}.", where=shown(archive.name))
    if found == [folder] and not any(_visible(folder)):
        why = "The archive holds no manifest (.yaml, .yml or .json) and no notebook."
        raise SubmissionError(why, where=shown(archive.name))
    return found[0]
