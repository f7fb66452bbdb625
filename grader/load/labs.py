"""The course's labs: where they are, and finding one by what a person types."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from grader.errors import CourseError, UsageError
from grader.model.lab import LAB_FOLDER, Lab, LabFile

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def course_root() -> Path:
    """The folder that holds `labs` and `solutions`: the checkout, or what the wheel brought."""
    for candidate in (_PACKAGE.parent, _PACKAGE / "_course"):
        if (candidate / "labs").is_dir():
            return candidate
    raise CourseError("the course's labs are not installed", "Install mlk8s again.")


def lab_ids() -> list[str]:
    """Every lab's id, in order; reads folder names only."""
    folders = (course_root() / "labs").iterdir()
    return sorted(f.name for f in folders if f.is_dir() and LAB_FOLDER.match(f.name))


def find_lab(wanted: str) -> Lab:
    """The lab called `14`, `local-inference-mock` or `14-local-inference-mock`.

    Raises UsageError, with the nearest names, when there is none.
    """
    every = lab_ids()
    text = wanted.strip().strip("/").removeprefix("labs/").lower()
    for lab_id in every:
        number, slug = lab_id.split("-", 1)
        if text in (lab_id, slug, number) or (text.isdigit() and int(text) == int(number)):
            return read_lab(course_root() / "labs" / lab_id)
    names = [*every, *(lab_id.split("-", 1)[1] for lab_id in every)]
    near = difflib.get_close_matches(text, names, 1, 0.5)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no lab {wanted!r}.{guess}", "`mlk8s labs` lists them all.")


def all_labs() -> list[Lab]:
    """Every lab, read."""
    return [read_lab(course_root() / "labs" / lab_id) for lab_id in lab_ids()]


def read_lab(root: Path) -> Lab:
    """The lab in this folder; CourseError with the place when its lab.yaml is not well formed."""
    import yaml
    from pydantic import ValidationError

    file = root / "lab.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe one
        parsed = LabFile.model_validate(raw)
    except OSError as error:
        raise CourseError(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise CourseError(f"{file} is not a valid lab: {error}") from error
    top = course_root()
    found = (top / "tests" / "submissions" / root.name, top / "submissions" / root.name)
    return Lab(
        id=root.name,
        root=root,
        file=parsed,
        solution=top / "solutions" / root.name,
        submissions=next((folder for folder in found if folder.is_dir()), None),
    )
