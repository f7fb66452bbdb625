"""Bringing the Nodes of a kind cluster in line with a spec: labels, taints and the fake GPU."""

from __future__ import annotations

import time
from typing import Any

from cluster.api import Api, ApiError
from cluster.errors import ClusterError
from cluster.kind.engine import Engine
from cluster.model import NodeSpec

Json = dict[str, Any]

NODES = "/api/v1/nodes"
GPU = "nvidia.com/gpu"
_GPU_POINTER = "nvidia.com~1gpu"
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"


def wait_ready(api: Api, names: tuple[str, ...], seconds: float) -> None:
    """Wait until all these Nodes are Ready. Raises ClusterError naming those that are not."""
    deadline = time.monotonic() + seconds
    while True:
        ready = {node["metadata"]["name"] for node in api.items(NODES) if is_ready(node)}
        waiting = [name for name in names if name not in ready]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise ClusterError(
                f"Nodes did not become Ready in {seconds:.0f} s: {', '.join(waiting)}."
            )
        time.sleep(0.25)


def is_ready(node: Json) -> bool:
    """Whether a Node is Ready."""
    conditions = node.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def reconcile(api: Api, wanted: tuple[NodeSpec, ...], exactly: bool = False) -> list[str]:
    """Mend labels, taints and GPUs; returns the names of nodes that were touched.

    Labels that others have set stay, unless the nodes are to be `exactly` as the spec says, and
    open to Pods; taints become the spec's, except those that Kubernetes itself sets.
    """
    touched = []
    for spec in wanted:
        node = api.get(f"{NODES}/{spec.name}")
        if node is None:
            raise ClusterError(f"The cluster has no node {spec.name}.", "mlk8s up")
        changed = _mend_metadata(api, spec, node, exactly)
        changed = _mend_gpu(api, spec, node) or changed
        if changed:
            touched.append(spec.name)
    return touched


def _mend_metadata(api: Api, spec: NodeSpec, node: Json, exactly: bool) -> bool:
    labels = node["metadata"].get("labels") or {}
    wanted = {"node-role.kubernetes.io/worker": "", **spec.labels}
    missing: Json = {key: value for key, value in wanted.items() if labels.get(key) != value}
    if exactly:
        missing |= {key: None for key in labels if key not in wanted and not _standard(key)}
    present = node["spec"].get("taints") or []
    passing = [t for t in present if str(t["key"]).startswith("node.kubernetes.io/")]
    taints = [_plain(taint.model_dump()) for taint in spec.taints]
    same = [_plain(t) for t in present if t not in passing] == taints
    closed = exactly and bool(node["spec"].get("unschedulable"))
    if not missing and same and not closed:
        return False
    change: Json = {"metadata": {"labels": missing}, "spec": {}}
    if not same:
        change["spec"]["taints"] = [*passing, *taints]
    if closed:
        change["spec"]["unschedulable"] = None
    api.call("PATCH", f"{NODES}/{spec.name}", change, _MERGE_PATCH)
    return True


def _standard(label: str) -> bool:
    """Whether a label is one that Kubernetes gives its nodes."""
    domain = label.partition("/")[0]
    return "/" in label and domain.endswith(("kubernetes.io", "k8s.io"))


def _plain(taint: Json) -> Json:
    return {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}


def gpus(node: Json) -> int:
    """How many GPUs a Node says that it has."""
    return int((node.get("status", {}).get("capacity") or {}).get(GPU, 0))


def _mend_gpu(api: Api, spec: NodeSpec, node: Json) -> bool:
    """Give a Node its fake GPUs. The kubelet makes them allocatable, and keeps them when it
    restarts, as it does with every extended resource that no device plugin has claimed."""
    if gpus(node) == spec.gpus:
        return False
    path = f"/status/capacity/{_GPU_POINTER}"
    change = (
        [{"op": "add", "path": path, "value": str(spec.gpus)}]
        if spec.gpus
        else [
            {"op": "remove", "path": path},
            {"op": "remove", "path": f"/status/allocatable/{_GPU_POINTER}"},
        ]
    )
    api.call("PATCH", f"{NODES}/{spec.name}/status", change, _JSON_PATCH)
    return True


def wait_allocatable(api: Api, wanted: tuple[NodeSpec, ...], seconds: float = 30.0) -> None:
    """Wait until the kubelets offer the GPUs to the scheduler."""
    deadline = time.monotonic() + seconds
    while True:
        nodes = {node["metadata"]["name"]: node for node in api.items(NODES)}
        waiting = [
            spec.name
            for spec in wanted
            if int((nodes[spec.name]["status"].get("allocatable") or {}).get(GPU, 0)) != spec.gpus
        ]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"The GPUs of {', '.join(waiting)} did not become allocatable.")
        time.sleep(0.25)


def wait_for_basics(api: Api, seconds: float = 90.0) -> None:
    """Wait until names resolve inside the cluster and Pods may be created."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            dns = api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns") or {}
            answering = int(dns.get("status", {}).get("readyReplicas") or 0) > 0
            account = api.get("/api/v1/namespaces/default/serviceaccounts/default")
            if answering and account is not None:
                return
        except ApiError:
            answering = False
        if time.monotonic() > deadline:
            raise ClusterError(f"The cluster's name server did not start within {seconds:.0f} s.")
        time.sleep(0.25)


def container_of(engine: Engine, cluster: str, node: str) -> str:
    """The container that is this Node: kind names containers in its own way.

    Raises ClusterError where there is none.
    """
    for container in engine.containers(cluster):
        flags = engine.run("exec", container.name, "cat", "/kind/kubeadm.conf", check=False)
        if container.name == node or f"name: {node}\n" in flags:
            return container.name
    raise ClusterError(f"The engine has no container for the node {node}.")
