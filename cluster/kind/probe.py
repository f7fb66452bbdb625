"""What a running cluster can prove, found by looking and not by assuming."""

from __future__ import annotations

from typing import Any

from cluster.embedded.api import Api
from cluster.errors import ClusterError
from cluster.model import Capabilities

Json = dict[str, Any]


def measure(api: Api) -> Capabilities:
    """Capabilities as the cluster shows them: a server that answers, kubelets that report from a
    container runtime, and a Pod that is Ready because its probe was really answered."""
    try:
        if not api.ready():
            return Capabilities()
        nodes = api.items("/api/v1/nodes")
        pods = api.items("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns")
    except ClusterError:
        return Capabilities()
    kubelet = bool(nodes) and all(_has_runtime(node) for node in nodes)
    containers = kubelet and any(_probed(pod) for pod in pods)
    return Capabilities(
        control_plane="real",
        kubelet="real" if kubelet else None,
        containers="real" if containers else None,
        time_factor=1.0,
    )


def _has_runtime(node: Json) -> bool:
    info = node.get("status", {}).get("nodeInfo") or {}
    runtime = str(info.get("containerRuntimeVersion", ""))
    fake = "kwok.x-k8s.io/node" in (node["metadata"].get("annotations") or {})
    return "://" in runtime and not runtime.startswith("simulated") and not fake


def _probed(pod: Json) -> bool:
    """Whether a Pod has a readiness probe and a running process that has answered it."""
    has_probe = any(container.get("readinessProbe") for container in pod["spec"]["containers"])
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return has_probe and any(
        status.get("ready")
        and "running" in (status.get("state") or {})
        and status.get("containerID")
        for status in statuses
    )
