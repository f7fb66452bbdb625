"""Simulated Nodes from NodeSpec, and bringing a cluster's Nodes in line with a spec."""

from __future__ import annotations

import platform
import time
from typing import Any

from cluster.api import Api, ApiError
from cluster.errors import ClusterError
from cluster.model import KUBERNETES_VERSION, NodeSpec

Json = dict[str, Any]

NODES = "/api/v1/nodes"
OWNED = "sim.mlk8s.dev/node"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """This machine's architecture in Go's words, which Kubernetes uses."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def node_address(index: int) -> str:
    """The InternalIP of the n-th node of a spec, from the range kept for them."""
    return f"172.30.{index // 250}.{index % 250 + 2}"


def pod_range(index: int) -> str:
    """The addresses of Pods on the n-th node; wide, so that none is reused soon."""
    return f"10.{10 + index % 200}.0.0/16"


def node_object(spec: NodeSpec, index: int) -> Json:
    """The Node as it is created; `status` needs a second request (see `node_status`)."""
    labels = {
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture(),
        "node-role.kubernetes.io/worker": "",
        **spec.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": spec.name,
            "labels": labels,
            "annotations": {"kwok.x-k8s.io/node": "fake", OWNED: str(index)},
        },
        "spec": {
            "podCIDR": pod_range(index),
            "podCIDRs": [pod_range(index)],
            "taints": [_without_empty(taint.model_dump()) for taint in spec.taints],
        },
    }


def _without_empty(taint: Json) -> Json:
    return {key: value for key, value in taint.items() if value != ""}


def node_status(spec: NodeSpec, index: int) -> Json:
    """What a kubelet would report: size, addresses and versions."""
    size = {
        "cpu": spec.cpu,
        "memory": spec.memory,
        "pods": str(spec.pods),
        "ephemeral-storage": "200Gi",
    }
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if spec.gpus:
        size["nvidia.com/gpu"] = str(spec.gpus)
    return {
        "capacity": size,
        "allocatable": size,
        # Ready from the start; kwok's heartbeat keeps it so.
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
        ],
        "addresses": [
            {"type": "InternalIP", "address": node_address(index)},
            {"type": "Hostname", "address": spec.name},
            # Where the API server finds the simulated kubelet of all nodes, for logs.
            {"type": "ExternalDNS", "address": "127.0.0.1"},
        ],
        "nodeInfo": {
            "architecture": architecture(),
            "operatingSystem": "linux",
            "osImage": "simulated",
            "kernelVersion": "simulated",
            "containerRuntimeVersion": "simulated://1.0",
            "kubeletVersion": f"v{KUBERNETES_VERSION}",
            "kubeProxyVersion": "",
            "bootID": "",
            "machineID": "",
            "systemUUID": "",
        },
    }


def reconcile(api: Api, wanted: tuple[NodeSpec, ...]) -> list[str]:
    """Create missing Nodes, mend changed ones, remove our own that are no longer wanted.

    Nodes that somebody else made are left alone. Returns the names that were touched.
    """
    present = {node["metadata"]["name"]: node for node in api.items(NODES)}
    touched = []
    for index, spec in enumerate(wanted):
        if not _as_wanted(present.get(spec.name), spec, index):
            _write(api, spec, index)
            touched.append(spec.name)
    names = {spec.name for spec in wanted}
    for name, node in present.items():
        ours = OWNED in (node["metadata"].get("annotations") or {})
        if ours and name not in names:
            api.delete(f"{NODES}/{name}")
            touched.append(name)
    return touched


def _as_wanted(node: Json | None, spec: NodeSpec, index: int) -> bool:
    if node is None:
        return False
    want, status = node_object(spec, index), node_status(spec, index)
    labels = node["metadata"].get("labels") or {}
    has_labels = all(labels.get(key) == value for key, value in want["metadata"]["labels"].items())
    taints = [t for t in node["spec"].get("taints") or [] if not _passing(t)]
    has_taints = [_without_empty(t) for t in taints] == want["spec"]["taints"]
    capacity = node.get("status", {}).get("capacity") or {}
    return has_labels and has_taints and capacity == status["capacity"]


def _passing(taint: Json) -> bool:
    """Taints that the node controller puts there for a while, as long as a node is not Ready."""
    return str(taint.get("key", "")).startswith("node.kubernetes.io/")


def _write(api: Api, spec: NodeSpec, index: int) -> None:
    manifest = node_object(spec, index)
    try:
        api.call("POST", NODES, manifest)
    except ApiError as error:
        if error.status != 409:
            raise
        changes = {
            "metadata": {key: manifest["metadata"][key] for key in ("labels", "annotations")},
            "spec": {"taints": manifest["spec"]["taints"]},
        }
        api.call("PATCH", f"{NODES}/{spec.name}", changes, "application/merge-patch+json")
    status = {"status": node_status(spec, index)}
    api.call("PATCH", f"{NODES}/{spec.name}/status", status, "application/merge-patch+json")


def wait_ready(api: Api, names: tuple[str, ...], seconds: float = 30.0) -> None:
    """Wait until all these Nodes are Ready and schedulable; raises ClusterError if not."""
    deadline = time.monotonic() + seconds
    waiting = set(names)
    while True:
        for node in api.items(NODES):
            if node["metadata"]["name"] in waiting and is_ready(node):
                waiting.discard(node["metadata"]["name"])
        if not waiting:
            return
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(waiting))
            raise ClusterError(f"Nodes did not become Ready in {seconds:.0f} s: {missing}.")
        time.sleep(0.05)


def is_ready(node: Json) -> bool:
    """Whether a Node is Ready and schedulable."""
    conditions = node.get("status", {}).get("conditions") or []
    good = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return good and not any(_passing(t) for t in node["spec"].get("taints") or [])
