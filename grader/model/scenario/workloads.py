"""Actions on workloads and their Pods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from grader.model.scenario.base import Action, DnsLabel, ObjectRef

SIGNALS = {"KILL": 9, "TERM": 15, "INT": 2, "SEGV": 11, "ABRT": 6}
"""Signals that `kill` knows. A process that one of them ends exits with 128 + its number."""


class Roll(Action):
    """Give a container of a workload another image, as a release would, in one change.

    An init container may be named as well, as with `kubectl set image`.
    `labels` and `annotations` go onto the Pod template with it, where a pipeline writes which
    version this is. `change_cause` goes into the workload's own annotation of that meaning, which
    `kubectl rollout history` shows for the revision.

    Example: `roll: {object: Deployment/web, container: server, image: "web:v2"}`,
    `roll: {object: Deployment/web, container: server, image: "web:v2", labels: {version: v2}}`.
    """

    object: ObjectRef
    container: str
    image: str
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    change_cause: str | None = None


class Scale(Action):
    """Set the wanted number of replicas through the scale subresource, as `kubectl scale` does.

    Example: `scale: {object: Deployment/web, replicas: 5}`.
    """

    object: ObjectRef
    replicas: int = Field(ge=0, le=100)


class Undo(Action):
    """Bring a Deployment back to an earlier revision of its Pods, as `kubectl rollout undo` does.

    Without `to_revision` it is the revision before the present one.

    Example: `undo: {object: Deployment/web, to_revision: 2}`.
    """

    object: ObjectRef
    to_revision: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _only_deployments(self) -> Undo:
        if not self.object.startswith("Deployment/"):
            raise ValueError(f"undo knows Deployments, not {self.object}")
        return self


class DeletePod(Action):
    """Delete some Pods of a workload, oldest first, as a node failure would take them.

    Example: `delete-pod: {of: Deployment/web, count: 1}`.
    """

    of: ObjectRef
    count: int = Field(default=1, ge=1, le=50)


class Kill(Action):
    """The process of a container dies, in a Pod that stays; what follows is the kubelet's affair.

    `of` is a workload or a Pod (`Pod/web-0`); its running Pods are hit oldest first, `count` of
    them. `index` picks the Pods of one completion index of an Indexed Job. `container` is the
    Pod's first one unless it is named. `signal` says what kills it (KILL: exit code 137);
    `exit_code` instead says with which code the process ends by itself, which only simulated
    containers can be told.

    Answers have verb `kill` and target `Pod/name`, message `server: 137`; code 404 where there
    is no such running container, code 0 where this cluster cannot do it.

    Example: `kill: {of: Job/backfill, index: 3, container: worker}`,
    `kill: {of: Deployment/web, exit_code: 1}`.
    """

    of: ObjectRef
    index: int | None = Field(default=None, ge=0)
    container: DnsLabel | None = None
    count: int = Field(default=1, ge=1, le=50)
    signal: Literal["KILL", "TERM", "INT", "SEGV", "ABRT"] | None = None
    exit_code: int | None = Field(default=None, ge=0, le=255)

    @model_validator(mode="after")
    def _one_cause(self) -> Kill:
        if self.signal is not None and self.exit_code is not None:
            raise ValueError("a process ends by a signal or with an exit_code, not by both")
        return self

    @property
    def code(self) -> int:
        """The exit code that the kubelet will report."""
        return 128 + SIGNALS[self.signal or "KILL"] if self.exit_code is None else self.exit_code


class Trigger(Action):
    """Make a Job of a CronJob now, as `kubectl create job NAME --from=cronjob/X` does.

    Nobody waits for two in the morning. Example:
    `trigger: {of: CronJob/nightly, name: nightly-by-day}`.
    """

    of: Annotated[str, Field(pattern=r"^CronJob/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    name: str


class Finish(Action):
    """Tell the running containers of a Job that their work is done (exit code 0 by default).

    Example: `finish: {of: Job/trainer}`.
    """

    of: ObjectRef
    exit_code: int = Field(default=0, ge=0, le=255)
