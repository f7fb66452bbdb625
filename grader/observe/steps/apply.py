"""The step `apply`: the submission is applied under the learner's identity."""

from __future__ import annotations

from grader.model.scenario import Apply
from grader.observe.apply import apply, in_order
from grader.observe.stage import Stage


def play_apply(stage: Stage, action: Apply) -> None:  # noqa: ARG001
    """Apply every manifest; each gets its answer."""
    for manifest in in_order(stage.submission.manifests):
        apply(stage, manifest)
