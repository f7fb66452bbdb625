"""The step `apply`: the submission is applied under the learner's identity."""

from __future__ import annotations

import re

from grader.errors import CourseError
from grader.model.manifest import Manifest
from grader.model.scenario import Apply
from grader.observe.apply import apply, in_order
from grader.observe.client import ApiAnswer
from grader.observe.policies import POLICIES, await_policies
from grader.observe.stage import Stage


def play_apply(stage: Stage, action: Apply) -> None:
    """Apply every manifest of the chosen files; each gets its answer."""
    applied: set[str] = set()
    for manifest in in_order(_manifests(stage, action)):
        if not action.files or any(fits(manifest.place.file, p) for p in action.files):
            apply(stage, manifest)
            applied.add(manifest.kind)
    if applied & POLICIES:
        await_policies(stage)


def _manifests(stage: Stage, action: Apply) -> tuple[Manifest, ...]:
    if action.build is None:
        return stage.submission.manifests
    build = stage.submission.build(action.build)
    if build is None:
        raise CourseError(f"{stage.lab.id} has no kustomize tree {action.build!r}.")
    if build.built is None:
        said = ApiAnswer(422, "NotBuilt", build.error)
        stage.answer("apply", f"build/{build.name}", said, build.folder)
        return ()
    return build.built.manifests


def fits(path: str, pattern: str) -> bool:
    """Whether a file's path in the submission fits a pattern such as `v2/*.yaml`."""
    parts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.fullmatch("".join(parts.get(p) or re.escape(p) for p in pieces), path) is not None
