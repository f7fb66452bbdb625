"""The corpus: solutions with one mistake, or one variation, in each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.errors import CourseError
from grader.model.lab import Lab

CASE_FILE = "case.yaml"


class Edit(BaseModel):
    """One replacement in a file of the solution; `find` must occur exactly once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    find: str
    replace: str


class CaseFile(BaseModel):
    """What case.yaml holds. `failed` and `blocked` are exact; a variant has neither."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mistake", "variant"]
    why: str = Field(min_length=15)
    edit: tuple[Edit, ...] = ()
    remove: tuple[str, ...] = ()
    failed: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    cluster_only: frozenset[str] = Field(
        default=frozenset(), description="Of these, the ones that files alone do not show."
    )
    real_only: frozenset[str] = Field(
        default=frozenset(),
        description="Of these, the ones that only real containers show: no program is simulated.",
    )


class CorpusCase(BaseModel):
    """One case of a lab's corpus."""

    model_config = ConfigDict(frozen=True)

    name: str
    folder: Path
    file: CaseFile


def corpus(lab: Lab) -> list[CorpusCase]:
    """Every case of the lab, by name. Raises CourseError for one that is not well formed."""
    if lab.submissions is None:
        return []
    folders = sorted(path.parent for path in lab.submissions.glob(f"*/{CASE_FILE}"))
    return [read_case(folder) for folder in folders]


def read_case(folder: Path) -> CorpusCase:
    """The case in this folder."""
    import yaml

    path = folder / CASE_FILE
    try:
        parsed = CaseFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise CourseError(f"{path} is not a valid case: {error}") from error
    if parsed.kind == "mistake" and not parsed.failed:
        raise CourseError(f"{path}: a mistake must name the checks that it fails")
    if parsed.kind == "variant" and (parsed.failed or parsed.blocked):
        raise CourseError(f"{path}: a variant fails nothing")
    return CorpusCase(name=folder.name, folder=folder, file=parsed)


def materialize(lab: Lab, case: CorpusCase, target: Path) -> Path:
    """Write the case's files to `target`: the solution, less `remove`, with files and edits."""
    manifests = shutil.ignore_patterns("*.md", "__pycache__")
    shutil.copytree(lab.solution, target, ignore=manifests)
    for name in case.file.remove:
        (target / name).unlink()
    for source in sorted(case.folder.rglob("*")):
        if source.is_file() and source.name != CASE_FILE:
            destination = target / source.relative_to(case.folder)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
    for edit in case.file.edit:
        _apply(edit, target, case)
    return target


def _apply(edit: Edit, target: Path, case: CorpusCase) -> None:
    path = target / edit.file
    if not path.is_file():
        raise CourseError(f"case {case.name} edits {edit.file}, which the solution does not have")
    text = path.read_text(encoding="utf-8")
    count = text.count(edit.find)
    if count != 1:
        raise CourseError(
            f"case {case.name}: {edit.find!r} occurs {count} times in {edit.file}, not once"
        )
    path.write_text(text.replace(edit.find, edit.replace), encoding="utf-8")
