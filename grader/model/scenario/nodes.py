"""Actions on nodes."""

from __future__ import annotations

from pydantic import Field, model_validator

from grader.model.scenario.base import Action, ObjectRef


class Cordon(Action):
    """Make nodes unschedulable, chosen by name. Example: `cordon: {nodes: [cpu-worker-1]}`."""

    nodes: tuple[str, ...] = Field(min_length=1)


class Drain(Action):
    """Evict Pods through the Eviction subresource, so that PodDisruptionBudgets are heard.

    With `nodes`, as `kubectl drain --ignore-daemonsets --delete-emptydir-data --force` does: the
    nodes are cordoned, then all their Pods evicted at the same time (those of the lab's namespaces;
    DaemonSets' stay). Needs `isolation: cluster`. With `of`, so many of a workload's Pods, oldest
    first, on whichever node; in labs of any isolation.

    A budget that allows no eviction now is answered 429, and the eviction is tried again, as
    kubectl does, until it is allowed, or until nothing changes any more while the budget still
    refuses: then the step ends `quiet` (or `too long` after `within`), with what was refused in
    `detail.waiting`. Answers have verb `evict`, target `Pod/name`. A refusal is kept when it is
    first met and again whenever its message differs; a Pod that went has an answer with code 201.

    Example: `drain: {nodes: [gpu-worker]}`, `drain: {of: Deployment/web, count: 2}`.
    """

    nodes: tuple[str, ...] = ()
    of: ObjectRef | None = None
    count: int = Field(default=1, ge=1, le=50)

    @model_validator(mode="after")
    def _one_target(self) -> Drain:
        if bool(self.nodes) == (self.of is not None):
            raise ValueError("drain takes either nodes or the workload whose Pods go (of)")
        return self
