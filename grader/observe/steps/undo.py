"""The step `undo`: a Deployment goes back to an earlier revision.

The rules are those of `kubectl rollout undo`: the Pod template of the ReplicaSet with that
revision is put back, with the annotations that the ReplicaSet has kept, but for some.
"""

from __future__ import annotations

from typing import Any

from grader.model.recording import Object
from grader.model.scenario import Undo
from grader.observe.client import JSON_PATCH, ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.noise import LAST_APPLIED
from grader.observe.stage import Stage
from grader.observe.steps.workload import kind_and_name, read
from grader.observe.tempo import WRITTEN

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
_STAYS = (
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    WRITTEN,
)
"""Annotations that stay the Deployment's own."""
_HASH = "pod-template-hash"


def play_undo(stage: Stage, action: Undo) -> None:
    """Put the template back, as the learner would."""
    namespace = stage.namespace_of(action.namespace)
    said = _undo(stage, action, namespace)
    stage.answer("patch", action.object, said, namespace=namespace)
    stage.expect(KNOWN["Deployment"], namespace, kind_and_name(action.object)[1], said)


def _undo(stage: Stage, action: Undo, namespace: str) -> ApiAnswer:
    kind, found = read(stage, action.object, namespace)
    if kind is None or not found.ok:
        return found
    deployment = found.body
    listed = stage.api.get(stage.path("ReplicaSet", namespace))
    if not listed.ok:
        return listed
    if deployment["spec"].get("paused"):
        message = "cannot rollback a paused deployment; resume it first and try again"
        return ApiAnswer(409, "Paused", message)
    chosen = _revision(deployment, listed.body.get("items") or [], action.to_revision)
    if isinstance(chosen, ApiAnswer):
        return chosen
    template = _template_of(chosen)
    if template == deployment["spec"]["template"]:
        revision = chosen["metadata"]["annotations"][REVISION]
        message = f"skipped rollback (current template already matches revision {revision})"
        return ApiAnswer(409, "NothingToUndo", message)
    patch = [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": _annotations(deployment, chosen)},
    ]
    path = kind.path(stage.real(namespace), str(deployment["metadata"]["name"]))
    return stage.api.call("PATCH", path, patch, content=JSON_PATCH, user=stage.isolation.user)


def _revision(deployment: Object, sets: list[Object], wanted: int | None) -> Object | ApiAnswer:
    """The ReplicaSet to go back to, or why there is none."""
    uid = deployment["metadata"]["uid"]
    by_revision = {
        int(notes[REVISION]): found
        for found in sets
        if any(owner.get("uid") == uid for owner in found["metadata"].get("ownerReferences") or [])
        and (notes := found["metadata"].get("annotations") or {}).get(REVISION, "").isdigit()
    }
    if wanted is not None:
        if wanted in by_revision:
            return by_revision[wanted]
        return ApiAnswer(
            404, "NoRevision", f"unable to find specified revision {wanted} in history"
        )
    revisions = sorted(by_revision)
    if len(revisions) < 2:
        name = deployment["metadata"]["name"]
        return ApiAnswer(404, "NoRevision", f'no rollout history found for deployment "{name}"')
    return by_revision[revisions[-2]]


def _template_of(replica_set: Object) -> Json:
    template: Json = replica_set["spec"]["template"]
    metadata = dict(template.get("metadata") or {})
    labels = {key: v for key, v in (metadata.get("labels") or {}).items() if key != _HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _annotations(deployment: Object, chosen: Object) -> dict[str, str]:
    own = deployment["metadata"].get("annotations") or {}
    kept = chosen["metadata"].get("annotations") or {}
    return {key: own[key] for key in _STAYS if key in own} | {
        key: value for key, value in kept.items() if key not in _STAYS
    }
