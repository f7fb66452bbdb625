"""The steps that a lab's scenario may have, as lab.yaml writes them.

A step is a mapping with one action, and optionally `as`, the name under which checks find it:

    scenario:
      - apply: {}
      - roll: {object: Deployment/sentiment-inference, container: model-server, image: "…:v2.2.0"}
      - delete-pod: {of: Deployment/sentiment-inference}
        as: replace

An action lets the cluster settle before the next one begins, unless it says `settle: false`. The
recording marks where each step began; `recording.during("roll")` reaches to the next step.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ObjectRef = Annotated[str, Field(pattern=r"^[A-Za-z]+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""`Kind/name`, for example `Deployment/sentiment-inference`."""


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    settle: bool = Field(default=True, description="Wait until the cluster has settled afterwards.")
    within: float = Field(default=180, gt=0, description="Longest wait, in seconds of real life.")
    namespace: str | None = Field(
        default=None, description="Where the object is; the lab's first namespace if not said."
    )


class Apply(_Action):
    """Apply the submission: namespaces and nodes first, then in the order of the files."""


class Settle(_Action):
    """Wait until no controller has anything left to do, or nothing changes any more."""


class Roll(_Action):
    """Give a workload's container another image, as a release would.

    Example: `roll: {object: Deployment/web, container: server, image: "web:v2"}`.
    """

    object: ObjectRef
    container: str
    image: str


class DeletePod(_Action):
    """Delete some Pods of a workload, oldest first, as a node failure would take them.

    Example: `delete-pod: {of: Deployment/web, count: 1}`.
    """

    of: ObjectRef
    count: int = Field(default=1, ge=1, le=50)


class Clone(_Action):
    """Create a second copy of an object of the submission under another name.

    Example: `clone: {object: Job/trainer, name: trainer-second}`.
    """

    object: ObjectRef
    name: str


class Trigger(_Action):
    """Make a Job of a CronJob now, as `kubectl create job NAME --from=cronjob/X` does.

    Nobody waits for two in the morning: `trigger: {of: CronJob/nightly, name: nightly-by-day}`.
    """

    of: Annotated[str, Field(pattern=r"^CronJob/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    name: str


class Finish(_Action):
    """Tell the running containers of a Job that their work is done (exit code 0 by default).

    Example: `finish: {of: Job/trainer}`.
    """

    of: ObjectRef
    exit_code: int = Field(default=0, ge=0, le=255)


class Cordon(_Action):
    """Make nodes unschedulable, chosen by name. Example: `cordon: {nodes: [cpu-worker-1]}`."""

    nodes: tuple[str, ...] = Field(min_length=1)


class Try(_Action):
    """Send manifests that ought to be refused, under the learner's identity, and keep the answers.

    Example: `try: {files: [too-big.yaml]}`; files are found in the lab's folder.
    """

    files: tuple[str, ...] = Field(min_length=1)


class Request(_Action):
    """Send an HTTP GET to a Service from inside the cluster and keep the answer.

    Needs real containers: where containers are simulated the step is recorded as not possible.
    Example: `request: {service: web, path: /predict}`.
    """

    service: str
    path: str = "/"
    port: int | str = 80


class Delete(_Action):
    """Delete the objects of the submission; with `namespaces: true`, the lab's namespaces."""

    namespaces: bool = False


class WaitGone(_Action):
    """Wait until what was deleted is really gone, finalizers and all."""


ACTIONS: dict[str, type[_Action]] = {
    "apply": Apply,
    "settle": Settle,
    "roll": Roll,
    "delete-pod": DeletePod,
    "clone": Clone,
    "trigger": Trigger,
    "finish": Finish,
    "cordon": Cordon,
    "try": Try,
    "request": Request,
    "delete": Delete,
    "wait-gone": WaitGone,
}

UNNAMED = ("settle", "wait-gone")
"""Actions that belong to the step before them unless they are given a name of their own."""

Action = _Action
StepKind = Literal[
    "apply",
    "settle",
    "roll",
    "delete-pod",
    "clone",
    "trigger",
    "finish",
    "cordon",
    "try",
    "request",
    "delete",
    "wait-gone",
]


class Step(BaseModel):
    """One step: its action, and the name that checks use (None: part of the step before)."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: str
    name: str | None
    action: _Action

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, raw: Any) -> Any:
        """Turn `{roll: {...}, as: roll}` into kind, name and action."""
        if isinstance(raw, str):
            raw = {raw: {}}
        if not isinstance(raw, dict):
            raise ValueError("a step is a mapping with one action")
        kinds = [key for key in raw if key != "as"]
        if len(kinds) != 1 or kinds[0] not in ACTIONS:
            raise ValueError(f"a step has exactly one action of {', '.join(ACTIONS)}; got {kinds}")
        kind = kinds[0]
        name = raw.get("as") or (None if kind in UNNAMED else kind)
        action = ACTIONS[kind].model_validate(raw[kind] or {})
        return {"kind": kind, "name": name, "action": action}
