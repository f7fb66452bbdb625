"""Applying a submission: in which order, as whom, and what is not sent at all.

A refusal is a fact for the judge, never an error: each manifest gets one recorded answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.model.manifest import Manifest
from grader.observe.client import APPLY, JSON_PATCH, Api, ApiAnswer
from grader.observe.isolation import ENFORCE, LEVELS, LOWEST, OURS, QUOTA, remember_node
from grader.observe.kinds import Kind
from grader.observe.stage import Stage
from grader.observe.tempo import RESERVED, to_cluster
from grader.observe.volumes import claim_to_real

Json = dict[str, Any]

MANAGER = "mlk8s-learner"

_FIRST = (
    ("Namespace",),
    ("Node",),
    ("PriorityClass", "StorageClass", "CustomResourceDefinition"),
    ("ServiceAccount",),
    ("Role", "ClusterRole"),
    ("RoleBinding", "ClusterRoleBinding"),
    ("ResourceQuota", "LimitRange"),
    ("ConfigMap", "Secret", "PersistentVolume", "PersistentVolumeClaim"),
)
_RANK = {kind: rank for rank, kinds in enumerate(_FIRST) for kind in kinds}


def in_order(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    """What others build on first; within a class, and after all classes, in order of the files."""
    return sorted(manifests, key=lambda manifest: _RANK.get(manifest.kind, len(_FIRST)))


def apply(stage: Stage, manifest: Manifest) -> ApiAnswer:
    """Apply one manifest as the learner and record the answer."""
    kind, refusal = resolve(stage, manifest.value)
    place, namespace = str(manifest.place), manifest.namespace or ""
    if kind is None or refusal is not None:
        said = refusal or ApiAnswer(404, "NoKindMatch", "")
        return stage.answer("apply", str(manifest), said, place, namespace=namespace)
    said = send(stage, kind, manifest.value)
    stage.answer("apply", str(manifest), said, place, namespace=namespace)
    stage.expect(kind, namespace, manifest.name, said)
    return said


@dataclass(frozen=True)
class Sender:
    """Who sends: `user` is empty for the grader itself, `manager` owns the fields."""

    user: str
    manager: str = MANAGER


def send(
    stage: Stage, kind: Kind, value: Json, sender: Sender | None = None, dry_run: bool = False
) -> ApiAnswer:
    """Create or apply a manifest that has been vetted, under its namespace's real name.

    Its controller's durations are brought to the cluster's tempo. Since that could turn a number
    that the API server refuses into one that it takes, the written object is tried first then.
    """
    sender = sender or Sender(stage.isolation.user)
    value = stage.isolation.names.object_to_real(value)
    value = stage.isolation.sizes.to_real(value)
    value = claim_to_real(value, stage.isolation.volumes, stage.isolation.run)
    if kind.name == "Node" and not dry_run:
        remember(stage, str(value["metadata"]["name"]))
    scaled = to_cluster(value, stage.tempo)
    if scaled is not value or dry_run:
        said = _create_or_apply(stage, kind, value, sender, dry_run=True)
        if dry_run or not said.ok:
            return said
    return _create_or_apply(stage, kind, scaled, sender, dry_run=False)


def _create_or_apply(
    stage: Stage, kind: Kind, value: Json, sender: Sender, dry_run: bool
) -> ApiAnswer:
    metadata = value["metadata"]
    namespace, user = str(metadata.get("namespace") or ""), sender.user
    if kind.name not in ("Namespace", "Node"):
        # A new object is created, as kubectl does: creating explains an unknown field well, while
        # applying calls it an error of the server.
        query = {"fieldManager": sender.manager, "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry_run else {}
        said = stage.api.call("POST", kind.path(namespace), value, query=query, user=user)
        if said.ok and not kind.namespaced and not dry_run:
            stage.isolation.created.append(kind.path(name=str(metadata["name"])))
        if said.reason != "AlreadyExists":
            return said
    path = kind.path(namespace, str(metadata["name"]))
    if not dry_run:
        adopt(stage.api, path, sender.manager)
    return server_side_apply(stage.api, path, value, user, dry_run, sender.manager)


def adopt(api: Api, path: str, manager: str = MANAGER) -> None:
    """Let an object that the run created count as applied, so that a field which the next version
    leaves out is removed, as `kubectl apply` does.

    Ownership by creation alone would keep such a field for ever. Same procedure as client-go's
    `csaupgrade`; a conflict with another change is met by reading again.
    """
    for _ in range(5):
        found = api.call("GET", path)
        fields = (found.body.get("metadata") or {}).get("managedFields") or []
        ours = [f for f in fields if f.get("manager") == manager and not f.get("subresource")]
        if not found.ok or not ours or any(f.get("operation") == "Apply" for f in ours):
            return
        for entry in ours:
            entry["operation"] = "Apply"
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            {
                "op": "replace",
                "path": "/metadata/resourceVersion",
                "value": found.body["metadata"]["resourceVersion"],
            },
        ]
        if api.call("PATCH", path, patch, content=JSON_PATCH).code != 409:
            return


def server_side_apply(
    api: Api, path: str, value: Json, user: str, dry_run: bool = False, manager: str = MANAGER
) -> ApiAnswer:
    """Server-side apply with strict validation, taking over fields that another manager owns."""
    query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
    if dry_run:
        query["dryRun"] = "All"
    said = api.call("PATCH", path, value, query=query, content=APPLY, user=user)
    if said.code == 500 and _SCHEMA in said.message:
        return ApiAnswer(400, "BadRequest", said.message)
    return said


_SCHEMA = "failed to create typed patch object"
"""How an API server begins its answer, with status 500, to an applied field that does not exist."""


def resolve(stage: Stage, value: Json) -> tuple[Kind | None, ApiAnswer | None]:
    """The kind of a manifest that may be sent, or the answer why it may not."""
    name, version = str(value.get("kind") or ""), str(value.get("apiVersion") or "")
    if not name or not version:
        return None, _refusal("BadManifest", "A manifest needs apiVersion and kind.", 400)
    if not stage.isolation.allows(name):
        return None, _refusal("KindNotAllowed", f"This lab does not allow objects of kind {name}.")
    kind = stage.kinds.of(name, version)
    if kind is None:
        message = f'no matches for kind "{name}" in version "{version}"'
        return None, _refusal("NoKindMatch", message, 404)
    return kind, _vet(stage, kind, value)


def _vet(stage: Stage, kind: Kind, value: Json) -> ApiAnswer | None:
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return _refusal("NoName", f"The {kind.name} has no metadata.name.", 400)
    if _steers_the_simulation(value):
        return _refusal("Reserved", f"Annotations under {RESERVED} belong to the grader.")
    if kind.namespaced:
        return _vet_namespace(stage, kind, metadata)
    if kind.name == "Namespace":
        return _vet_own_namespace(stage, metadata)
    if kind.name == "Node":
        return _vet_node(value)
    return None


def _steers_the_simulation(value: Any) -> bool:
    """Whether any annotation in an object, or in a template within it, is one of ours."""
    if isinstance(value, list):
        return any(map(_steers_the_simulation, value))
    if not isinstance(value, dict):
        return False
    notes = value.get("annotations")
    ours = isinstance(notes, dict) and any(str(key).startswith(RESERVED) for key in notes)
    return ours or any(map(_steers_the_simulation, value.values()))


def _vet_namespace(stage: Stage, kind: Kind, metadata: Json) -> ApiAnswer | None:
    namespace, what = metadata.get("namespace"), f"{kind.name}/{metadata['name']}"
    if not namespace:
        message = (
            f"{what} names no namespace, so kubectl would put it into whichever is current, "
            'usually "default".'
        )
        return _refusal("NoNamespace", message)
    if namespace not in stage.namespaces:
        return _refusal("ForeignNamespace", _foreign(stage, what, str(namespace)))
    if kind.name == "ResourceQuota" and metadata["name"] == QUOTA:
        return _refusal("Reserved", f"The name {QUOTA} belongs to the grader.")
    return None


def _foreign(stage: Stage, what: str, namespace: str) -> str:
    own = " or ".join(f'"{name}"' for name in stage.namespaces)
    return f'{what} is for namespace "{namespace}", but this lab works in {own}.'


def _vet_own_namespace(stage: Stage, metadata: Json) -> ApiAnswer | None:
    name = metadata["name"]
    if name not in stage.namespaces:
        return _refusal("ForeignNamespace", _foreign(stage, f"Namespace/{name}", name))
    labels = metadata.get("labels") or {}
    written = [*labels, *(metadata.get("annotations") or {})]
    if any(str(key).startswith(OURS) for key in written):
        return _refusal("Reserved", f"Labels and annotations under {OURS} belong to the grader.")
    level = labels.get(ENFORCE, LOWEST)
    if level in LEVELS and LEVELS.index(level) < LEVELS.index(LOWEST):
        message = (
            f"Namespace/{name} asks for Pod Security level {level}; at least {LOWEST} is kept."
        )
        return _refusal("PodSecurityWeakened", message)
    return None


def _vet_node(value: Json) -> ApiAnswer | None:
    spec = value.get("spec") or {}
    foreign = [f"spec.{key}" for key in spec if key != "taints"] if isinstance(spec, dict) else []
    foreign += [f"metadata.{key}" for key in value["metadata"] if key not in ("name", "labels")]
    if foreign:
        message = (
            f"A Node may be given metadata.labels and spec.taints in this lab, not {foreign[0]}."
        )
        return _refusal("NodeFieldNotAllowed", message)
    return None


def _refusal(reason: str, message: str, code: int = 403) -> ApiAnswer:
    """An answer of the grader's own; all reasons but NoKindMatch are listed in KEPT_BACK."""
    return ApiAnswer(code, reason, message)


def remember(stage: Stage, name: str) -> None:
    """Keep how a node was before the run changes it."""
    node = stage.recorder.find("Node", name, "")
    if node is not None:
        remember_node(stage.api, stage.isolation, node)
