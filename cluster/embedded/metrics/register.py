"""Telling the API server where the metrics APIs are found, and who may read them."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.embedded import simulation
from cluster.embedded.kubelet.client import Client
from cluster.embedded.kubelet.events import rfc3339_micro
from cluster.embedded.metrics.answers import EXTERNAL, RESOURCE, VERSION
from cluster.embedded.ports import LOOPBACK

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
SERVICE = "mlk8s-metrics"
SINCE = "sim.mlk8s.dev/served-since"
READER = "mlk8s-metrics-reader"


def objects(port: int, since: str) -> dict[str, Json]:
    """Everything that has to be there, by its path; `since` differs for each process."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": simulation.NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": LOOPBACK},
    }
    found = {f"/api/v1/namespaces/{simulation.NAMESPACE}/services/{SERVICE}": service}
    for group in (RESOURCE, EXTERNAL):
        name = f"{VERSION}.{group}"
        path = f"/apis/apiregistration.k8s.io/v1/apiservices/{name}"
        found[path] = _api_service(name, group, port, since)
    reader = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{READER}"
    found[reader] = _reader()
    return found


def _api_service(name: str, group: str, port: int, since: str) -> Json:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        # A change makes the API server look again at once, after we have been away.
        "metadata": {"name": name, "annotations": {SINCE: since}},
        "spec": {
            "group": group,
            "version": VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            # The name in the certificate is not the Service's; both ends are on loopback, and the
            # server asks for a certificate of the cluster's CA.
            "insecureSkipTLSVerify": True,
            "service": {"namespace": simulation.NAMESPACE, "name": SERVICE, "port": port},
        },
    }


def _reader() -> Json:
    """Who may view a namespace may also see what its Pods use."""
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in _ROLES}
    rules = [
        {"apiGroups": [RESOURCE], "resources": ["pods", "nodes"], "verbs": ["get", "list"]},
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": READER, "labels": labels},
        "rules": rules,
    }


_ROLES = ("view", "edit", "admin")


async def register(client: Client, port: int) -> None:
    """Apply them all. Raises what a request may raise."""
    query = "?fieldManager=mlk8s&force=true"
    calls = [
        client.call("PATCH", path + query, manifest, APPLY)
        for path, manifest in objects(port, rfc3339_micro()).items()
    ]
    await asyncio.gather(*calls)
