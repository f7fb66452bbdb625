"""Proving that the controllers and the scheduler work, not only that the API server answers.

A controller manager that has died, or has not yet caught up after a restart, looks to a grader
just like a learner's mistake: nothing happens. So a small Deployment that no node can take is sent
through all of them before a cluster is called up: its Pod must be made, and found unschedulable.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from cluster.api import Api
from cluster.errors import ClusterError

Json = dict[str, Any]

_NAMESPACE = "kube-system"
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{_NAMESPACE}/deployments"
_PODS = f"/api/v1/namespaces/{_NAMESPACE}/pods"
_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


def prove_alive(api: Api, seconds: float = 60.0) -> None:
    """Return once every controller on the way from a Deployment to a scheduler's verdict has acted.

    Raises ClusterError, naming the component that did nothing within `seconds`.
    """
    deadline = time.monotonic() + seconds
    # Pods are refused before their namespace has its account.
    _await(lambda: api.get(_ACCOUNT) is not None, deadline, "controller manager")
    name = f"mlk8s-echo-{secrets.token_hex(4)}"
    api.call("POST", _DEPLOYMENTS, _echo(name))
    try:
        _await(lambda: bool(_pods(api, name)), deadline, "controller manager")
        _await(lambda: any(map(_is_refused, _pods(api, name))), deadline, "scheduler")
    finally:
        with contextlib.suppress(ClusterError):
            api.delete(f"{_DEPLOYMENTS}/{name}?propagationPolicy=Background")


def _await(done: Callable[[], bool], deadline: float, component: str) -> None:
    while not done():
        if time.monotonic() > deadline:
            raise ClusterError(f"The {component} of the cluster does nothing.", "mlk8s down")
        time.sleep(0.02)


def _pods(api: Api, name: str) -> list[Json]:
    return api.items(f"{_PODS}?labelSelector=mlk8s-echo%3D{name}")


def _is_refused(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "PodScheduled" and c.get("status") == "False" for c in conditions)


def _echo(name: str) -> Json:
    labels = {"mlk8s-echo": name}
    container = {"name": "echo", "image": "registry.k8s.io/pause:3.10"}
    spec = {
        "containers": [container],
        "nodeSelector": {"sim.mlk8s.dev/nowhere": "true"},
        "terminationGracePeriodSeconds": 0,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": _NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
