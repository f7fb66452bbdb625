"""What a running cluster can prove, found by looking and not by assuming."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from cluster.api import Api
from cluster.bundle.source.lab import CURL, MODEL_IMAGES
from cluster.errors import ClusterError
from cluster.model import Capabilities

Json = dict[str, Any]

MODEL = MODEL_IMAGES[0].names(MODEL_IMAGES[0].versions[0])[0]
CLIENT = CURL[0]


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


NAMESPACE = "mlk8s-probe"
_POLICY_SECONDS = 30.0
_LOOP = (
    "while true; do if curl -s -m 1 -o /dev/null http://$SERVER:8000/live; "
    "then echo open; else echo shut; fi; sleep 0.2; done"
)


def policies_are_enforced(api: Api) -> bool | None:
    """Whether a NetworkPolicy has an effect, tried with two Pods; None if that cannot be told.

    Needs the labs' images on the nodes. Leaves nothing behind but a namespace that is ending.
    """
    base = f"/api/v1/namespaces/{NAMESPACE}"
    try:
        api.delete(base)
        _until(lambda: api.get(base) is None)
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        _until(lambda: api.get(f"{base}/serviceaccounts/default") is not None)
        api.call("POST", f"{base}/pods", _pod("server", MODEL, env={"MODEL_LOAD_SECONDS": "0"}))
        address = _until(lambda: _address(api.get(f"{base}/pods/server")))
        client = _pod("client", CLIENT, ("sh", "-c", _LOOP), {"SERVER": str(address)})
        api.call("POST", f"{base}/pods", client)
        _until(lambda: _said(api, base).endswith("open"))
        policies = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
        spec: Json = {"podSelector": {}, "policyTypes": ["Ingress"]}
        api.call("POST", policies, {"metadata": {"name": "closed"}, "spec": spec})
        return bool(_until(lambda: _said(api, base).endswith("shut"), 4.0, or_else=False))
    except ClusterError:
        return None
    finally:
        with contextlib.suppress(ClusterError):
            api.delete(base)


def _until(look: Callable[[], Any], seconds: float = _POLICY_SECONDS, or_else: Any = None) -> Any:
    """The first true thing that `look` returns; `or_else`, or ClusterError, when time is up."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            if or_else is not None:
                return or_else
            raise ClusterError(f"The probe got no answer within {seconds:.0f} s.")
        time.sleep(0.2)
    return seen


def _pod(name: str, image: str, command: tuple[str, ...] = (), env: Json | None = None) -> Json:
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    container: Json = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": variables,
    }
    if command:
        container["command"] = list(command)
    return {
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def _address(pod: Json | None) -> str:
    status = (pod or {}).get("status") or {}
    return str(status.get("podIP") or "") if status.get("phase") == "Running" else ""


def _said(api: Api, base: str) -> str:
    code, text = api.text("GET", f"{base}/pods/client/log?tailLines=1")
    return text.strip() if code == 200 else ""
