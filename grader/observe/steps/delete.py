"""The step `delete`: the submission's objects go, or the lab's namespaces with all in them."""

from __future__ import annotations

from grader.model.manifest import Manifest
from grader.model.scenario import Delete
from grader.observe.apply import in_order, resolve
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.waiting import Outcome, wait_gone


def play_delete(stage: Stage, action: Delete) -> Outcome | None:
    """Delete in the opposite order of applying; nodes and namespaces stay unless asked for."""
    if action.namespaces:
        for namespace in stage.namespaces:
            _delete_namespace(stage, namespace)
        return wait_gone(stage, action.within) if action.settle else None
    for manifest in reversed(in_order(stage.submission.manifests)):
        if manifest.kind not in ("Namespace", "Node"):
            _delete_one(stage, manifest)
    return None


def _delete_namespace(stage: Stage, namespace: str) -> None:
    kind = KNOWN["Namespace"]
    said = stage.api.call("DELETE", kind.path(name=stage.real(namespace)))
    stage.answer("delete", f"Namespace/{namespace}", said)
    stage.doom_namespace(namespace)


def _delete_one(stage: Stage, manifest: Manifest) -> None:
    kind, refusal = resolve(stage, manifest.value)
    if kind is None or refusal is not None:
        return  # it was never applied
    namespace = manifest.namespace or ""
    path = kind.path(stage.real(namespace), manifest.name)
    policy = {"propagationPolicy": "Background"}
    said = stage.api.call("DELETE", path, query=policy, user=stage.isolation.user)
    if said.code == 404:
        return
    stage.answer("delete", str(manifest), said, str(manifest.place), namespace=namespace)
    stage.doomed.append((kind.name, (namespace if kind.namespaced else "", manifest.name)))
    for pod in stage.owned_pods(manifest.kind, manifest.name, namespace):
        stage.doomed.append(("Pod", (namespace, str(pod["metadata"]["name"]))))
