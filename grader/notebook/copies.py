"""The learner's copies: notebooks as released, beside one folder of manifests for each lab."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import MachineError
from grader.load.labs import all_labs, course_root
from grader.load.seeds import new_seed, seed_of
from grader.model.lab import SEED_FILE, Lab
from grader.notebook import source

_README = re.compile(r"\]\(\.\./labs/([\w-]+)(?:/README\.md)?/?(#[\w-]+)?\)")


QUIZ = "knowledge-check"
"""The one notebook that belongs to no lab."""


@dataclass
class Copied:
    """Names below the work folder: what is new, and what was there and stays as it is."""

    new: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def notebook_of(lab: Lab) -> Path:
    """The lab's notebook in the course; it need not exist."""
    return course_root() / "notebooks" / f"{lab.id}.ipynb"


def quiz_notebook() -> Path:
    """The knowledge check's notebook in the course."""
    return course_root() / "notebooks" / f"{QUIZ}.ipynb"


def copy_course(work: Path, labs: list[Lab] | None = None) -> Copied:
    """Copy the notebooks, as released, and the tasks. A file that exists is never touched."""
    copied = Copied()
    try:
        work.mkdir(parents=True, exist_ok=True)
        for lab in labs if labs is not None else all_labs():
            if notebook_of(lab).is_file():
                seed = seed_of(work / lab.id) or new_seed()
                new = put(work, f"{lab.id}.ipynb", learners_text(lab, seed), copied)
                if new and lab.file.seeded:
                    # So that `mlk8s start` beside the notebook begins the same case.
                    put(work, f"{lab.id}/{SEED_FILE}", f"seed: {seed}\n", copied)
            if lab.readme.is_file():
                put(work, f"{lab.id}/README.md", lab.readme.read_text("utf-8"), copied)
        if labs is None and quiz_notebook().is_file():
            released = source.release(source.read(quiz_notebook()), None)
            put(work, f"{QUIZ}.ipynb", source.dumps(released), copied)
    except OSError as error:
        raise MachineError(f"{work} cannot be written: {error.strerror or error}.") from error
    return copied


def learners_text(lab: Lab, seed: str) -> str:
    """The text of the notebook file that a learner gets; of this case, where the lab draws one."""
    released = source.release(source.read(notebook_of(lab)), lab, seed)
    return source.dumps(with_links(released, r"](\1/README.md\2)"))


def with_links(notebook: source.Json, target: str) -> source.Json:
    """The same notebook, whose links to a lab's task lead to where that is beside the copy."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _README.sub(target, cell["source"])
    return notebook


def put(work: Path, name: str, text: str, copied: Copied) -> bool:
    """Write a file that is not there yet, and note which it was; whether it is new."""
    path = work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # "x" never opens a file that exists, whoever made it in the meantime.
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        copied.new.append(name)
        return True
    except FileExistsError:
        copied.kept.append(name)
        return False


def fresh_copy(work: Path, lab: Lab) -> str:
    """Put the present copy aside and make a new one; returns the name of what was put aside."""
    path = work / f"{lab.id}.ipynb"
    aside = ""
    if path.is_file():
        number = 1
        while (target := work / f"{lab.id}.{number}.ipynb").exists():
            number += 1
        shutil.move(path, target)
        aside = target.name
    copy_course(work, [lab])
    return aside
