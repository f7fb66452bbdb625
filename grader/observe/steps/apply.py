"""The step `apply`: the submission is applied under the learner's identity."""

from __future__ import annotations

import re

from grader.model.scenario import Apply
from grader.observe.apply import apply, in_order
from grader.observe.stage import Stage


def play_apply(stage: Stage, action: Apply) -> None:
    """Apply every manifest of the chosen files; each gets its answer."""
    for manifest in in_order(stage.submission.manifests):
        if not action.files or any(fits(manifest.place.file, p) for p in action.files):
            apply(stage, manifest)


def fits(path: str, pattern: str) -> bool:
    """Whether a file's path in the submission fits a pattern such as `v2/*.yaml`."""
    parts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.fullmatch("".join(parts.get(p) or re.escape(p) for p in pieces), path) is not None
