"""Forms: YAML files of a submission that are not Kubernetes objects, such as a decision table."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from grader.load.compose import Document
from grader.load.places import Places
from grader.model.manifest import Form, Place, Problem


def is_form(file: str, patterns: Sequence[str]) -> bool:
    """Whether the lab names this file, by its path in the submission, as one of its forms."""
    return any(fnmatchcase(file, pattern) for pattern in patterns)


def forms(documents: list[Document], file: str) -> tuple[list[Form], list[Problem]]:
    """The one form that the file holds, or what is wrong with it; an empty file holds none."""
    found: list[Form] = []
    problems: list[Problem] = []
    for document in documents:
        place = Place(file, document.mark.line + 1, document.mark.column + 1)
        if not isinstance(document.value, dict):
            message = "this form is no mapping: keep the keys that the starter file has"
            problems.append(Problem("not-a-form", message, place))
        elif found:
            message = f"a form is one document, and {file} begins a second one here"
            problems.append(Problem("not-a-form", message, place))
        else:
            found.append(Form(document.value, Places(file, document.mark), place))
    return found, problems
