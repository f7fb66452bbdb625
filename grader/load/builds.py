"""Building the kustomize trees of a submission, now or from what a recording holds of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from grader.errors import CourseError
from grader.load.built import built_drafts
from grader.load.kustomize import NAMES, vet
from grader.load.objects import Draft
from grader.model.manifest import Build, Problem, SourceFile, Submission

Render = Callable[[str, Mapping[str, str]], tuple[str, str]]
"""Builds one folder of these files (name -> text): the result as YAML, and an empty text or why it
cannot be built. Kustomize's notes of origin are in it."""

_BUILT, _FAILED = "@build/", "@build-error/"
"""How a recording names what was built. No file of a submission is called so: it has a suffix."""


def cannot_render(folder: str, parts: Mapping[str, str]) -> tuple[str, str]:
    """The render of those who have none."""
    raise CourseError(f"nothing here can build {folder} of {len(parts)} files")


def is_rendered(path: str) -> bool:
    """Whether a source of a recording is what was built, and no file."""
    return path.startswith((_BUILT, _FAILED))


def recorded_render(builds: Mapping[str, str], rendered: Mapping[str, str]) -> Render:
    """Gives what a recording holds, instead of building again."""
    names = {folder: name for name, folder in builds.items()}

    def render(folder: str, parts: Mapping[str, str]) -> tuple[str, str]:
        del parts
        name = names[folder]
        text, error = rendered.get(_BUILT + name), rendered.get(_FAILED + name)
        if text is None and error is None:
            raise CourseError(f"the recording does not hold what {folder} was built to")
        return text or "", error or ""

    return render


def build_all(
    parts: Mapping[str, str],
    builds: Mapping[str, str],
    render: Render,
    problems_of: Callable[[list[Draft]], list[Problem]],
) -> tuple[tuple[Build, ...], list[Problem], list[SourceFile]]:
    """The builds, what is wrong with the trees, and the texts to record.

    Nothing is built where any kustomization file holds what must not stand there.
    """
    problems = vet(parts) if builds else []
    made: list[Build] = []
    texts: list[SourceFile] = []
    for name, folder in builds.items():
        text, error = "", ""
        if problems:
            error = str(problems[0])
        elif not any(f"{folder}/{file}" in parts for file in NAMES):
            error = f"there is no {folder}/{NAMES[0]}"
        else:
            text, error = render(folder, parts)
            texts.append(SourceFile((_FAILED if error else _BUILT) + name, error or text))
        if error:
            made.append(Build(name, folder, error=error))
            continue
        drafts, wrong = built_drafts(text, folder, parts)
        wrong += problems_of(drafts)
        manifests = tuple(draft.manifest for draft in drafts)
        made.append(Build(name, folder, Submission(name, "", manifests, tuple(wrong))))
    return tuple(made), problems, texts
