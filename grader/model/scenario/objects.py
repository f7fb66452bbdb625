"""Actions that bring objects, ask about them, or take them away."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from grader.model.scenario.base import Action, ObjectRef


class Apply(Action):
    """Apply the submission: namespaces and nodes first, then in the order of the files.

    `files` narrows it to those of the learner's files that match one of these patterns, where `*`
    stands for anything within a folder or file name and `**/` for any folders. A file that is
    missing is no error of the step: checks on the manifests say what was not handed in.

    `build` applies what one of the lab's kustomize trees was built to, and nothing else; without
    it, such trees are left out. A tree that could not be built gets one answer that says why.

    Example: `apply: {files: ["v2/*.yaml"]}`, `apply: {build: staging}`.
    """

    files: tuple[str, ...] = Field(default=(), description="Patterns; none means all files.")
    build: str | None = Field(default=None, description="A name under `kustomize` in lab.yaml.")


class Clone(Action):
    """Create a second copy of an object of the submission under another name.

    Example: `clone: {object: Job/trainer, name: trainer-second}`.
    """

    object: ObjectRef
    name: str


class Send(Action):
    """Send manifests of the lab's own, one after the other, and keep each answer (verb `create`).

    `files` are found in the lab's folder. With `actor: learner` they are sent under the learner's
    identity and within its bounds, to see what the learner's objects admit and what they refuse.
    With `actor: grader` they bring what a lab gives: fillers, quotas, gateways, in the lab's own
    namespaces; objects outside namespaces only in labs with `isolation: cluster`. All of them are
    watched like the submission's, and removed with it. `dry_run` asks for the answer (admission,
    quotas and policies included) and changes nothing; the answer's `body` then is the object as it
    would have been stored.

    Example: `send: {files: [given/greedy.yaml]}`,
    `send: {files: [given/filler.yaml], actor: grader}`.
    """

    files: tuple[str, ...] = Field(min_length=1)
    actor: Literal["learner", "grader"] = "learner"
    dry_run: bool = False


class Ask(BaseModel):
    """One question of `may`: a verb and a resource, as `kubectl auth can-i` takes them.

    `resource` is the plural name, with its group behind a dot unless it is in the core:
    `pods`, `deployments.apps`. `name` narrows it to one object, `subresource` to `log`, `scale`,
    `exec`, ... `namespace` is the step's unless it says another; an empty one asks about all
    namespaces, and about resources outside of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verb: str = Field(pattern=r"^[a-z]+$|^\*$")
    resource: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9.-]+)?$|^\*(\.[a-z0-9.-]+|\.\*)?$")
    name: str = ""
    subresource: str = Field(default="", pattern=r"^[a-z]*$")
    namespace: str | None = None

    def __str__(self) -> str:
        """As answers name it: `patch deployments.apps/scale web`."""
        part = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource}{part} {self.name}".rstrip()


class May(Action):
    """Ask the cluster's own authorizer what an account may do: SubjectAccessReviews.

    `who` is a ServiceAccount of the step's namespace (`ServiceAccount/deployer`), or
    `ServiceAccount/other-namespace/deployer`, `User/name`, or `Group/name`. Each question gets an
    answer with verb `may`, the target `patch deployments.apps`, and code 200 (allowed) or 403. A
    ServiceAccount that is not there is still asked about: its bindings may be.

    Example:
    `may: {who: ServiceAccount/deployer, asks: [{verb: patch, resource: deployments.apps}]}`.
    """

    who: str = Field(pattern=r"^(ServiceAccount/([^/]+/)?[^/]+|User/.+|Group/.+)$")
    asks: tuple[Ask, ...] = Field(min_length=1)
    settle: bool = Field(default=False, description="Asking changes nothing, so nothing settles.")


class Delete(Action):
    """Delete the objects of the submission; with `namespaces: true`, the lab's namespaces."""

    namespaces: bool = False
