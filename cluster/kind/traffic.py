"""Real requests on a Service, and real ends of processes."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from cluster.api import Api, ApiError
from cluster.bundle.source.lab import LOAD
from cluster.errors import ClusterError, Unsupported
from cluster.kind.engine import Engine
from cluster.model import ServerModel

Json = dict[str, Any]

NAMESPACE = "mlk8s-load"
_POD = f"/api/v1/namespaces/{NAMESPACE}/pods"
_NAME = "generator"
_STARTS = 60.0


def put_load(
    api: Api, namespace: str, service: str, rate: float, servers: tuple[ServerModel, ...]
) -> None:
    """Let the generator send so many requests a second to the Service's first port.

    Raises ClusterError when there is no such Service, or the generator does not start.
    """
    found = api.get(f"/api/v1/namespaces/{namespace}/services/{service}")
    if found is None:
        raise ClusterError(f"There is no Service {service} in {namespace}.")
    _ensure_generator(api)
    port = (found["spec"].get("ports") or [{}])[0].get("port", 80)
    server = _server_behind(api, namespace, found["spec"].get("selector") or {}, servers)
    path = next((p for p in server.live if p not in ("/live", "/ready")), "/predict")
    query = {"target": f"http://{service}.{namespace}:{port}{path}", "rate": f"{rate:g}"}
    if server.cpu_per_request:
        query["cpu"] = f"{server.cpu_per_request:g}"
    code, text = api.text("GET", f"{_POD}/{_NAME}:8000/proxy/load?{urlencode(query)}")
    if code != 200:
        raise ClusterError(f"The load generator refused {rate:g} requests a second: {text[:200]}")


def _server_behind(
    api: Api, namespace: str, selector: Json, servers: tuple[ServerModel, ...]
) -> ServerModel:
    """What is declared of the image that the Service's Pods run; nothing special if unknown."""
    wanted = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = api.items(f"/api/v1/namespaces/{namespace}/pods?{urlencode({'labelSelector': wanted})}")
    images = {c["image"].rpartition(":")[0] for pod in pods for c in pod["spec"]["containers"]}
    return next((s for s in servers if s.image in images), ServerModel(image="unknown"))


def _ensure_generator(api: Api) -> None:
    """The generator's Pod, running; it stays for the next load."""
    deadline = time.monotonic() + _STARTS
    if api.get(f"{_POD}/{_NAME}") is None:
        if api.get(f"/api/v1/namespaces/{NAMESPACE}") is None:
            api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        while api.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default") is None:
            _check(deadline)
        try:
            api.call("POST", _POD, _generator())
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    while not _ready(api.get(f"{_POD}/{_NAME}")):
        _check(deadline)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ClusterError(f"The load generator did not start within {_STARTS:.0f} s.")
    time.sleep(0.2)


def _ready(pod: Json | None) -> bool:
    conditions = ((pod or {}).get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _generator() -> Json:
    """It runs beside the control plane, so that no worker has less room for it."""
    probe = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    toleration = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}
    return {
        "metadata": {"name": _NAME},
        "spec": {
            "automountServiceAccountToken": False,
            "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
            "tolerations": [toleration],
            "containers": [
                {
                    "name": "load",
                    "image": LOAD,
                    "imagePullPolicy": "IfNotPresent",
                    "readinessProbe": probe,
                }
            ],
        },
    }


SIGNALS = {137: "SIGKILL", 143: "SIGTERM"}


def end_process(engine: Engine, node: str, container_id: str, code: int) -> None:
    """End a container's first process from outside, as the kernel or a node's fault would.

    `container_id` is the Pod's word for it, `containerd://…`. Raises Unsupported for an exit code
    that no signal stands for.
    """
    if code not in SIGNALS:
        known = " or ".join(map(str, SIGNALS))
        raise Unsupported(f"A real process can be ended with code {known}, not with {code}.")
    identity = container_id.rpartition("//")[2]
    command = ("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal", SIGNALS[code], identity)
    engine.run("exec", node, *command, seconds=30)
