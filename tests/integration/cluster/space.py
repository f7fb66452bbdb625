"""A namespace of its own for a test, and short words for what happens in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster.api import Api
from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus, ServerModel

from .helpers import Json, api_of, eventually

_PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "Event": "/api/v1/namespaces/{}/events",
}


class Space:
    """One namespace on one cluster."""

    def __init__(self, cluster: ClusterStatus, api: Api, name: str) -> None:
        self.cluster, self.api, self.name = cluster, api, name

    def path(self, kind: str, name: str = "") -> str:
        found = _PATHS[kind].format(self.name)
        return f"{found}/{name}" if name else found

    def make(self, kind: str, name: str, spec: Json | None = None, **more: Any) -> Json:
        body = {"metadata": {"name": name, **more.pop("metadata", {})}, **more}
        if spec is not None:
            body["spec"] = spec
        return self.api.call("POST", self.path(kind), body)

    def get(self, kind: str, name: str) -> Json:
        return self.api.call("GET", self.path(kind, name))

    def items(self, kind: str) -> list[Json]:
        return self.api.items(self.path(kind))

    def patch(self, kind: str, name: str, change: Json) -> Json:
        merge = "application/merge-patch+json"
        return self.api.call("PATCH", self.path(kind, name), change, merge)

    def delete(self, kind: str, name: str) -> None:
        self.api.delete(self.path(kind, name))

    def deploy(self, name: str, replicas: int, container: Json, **pod: Any) -> None:
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "server", **container}], **pod},
            },
        }
        self.make("Deployment", name, spec)

    def available(self, name: str) -> int:
        return int(self.get("Deployment", name).get("status", {}).get("availableReplicas") or 0)

    def ready(self, pod: str) -> bool:
        conditions = self.get("Pod", pod).get("status", {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def state(self, pod: str, init: bool = False) -> Json:
        """The status of a Pod's first container; empty before there is one."""
        field = "initContainerStatuses" if init else "containerStatuses"
        found = self.get("Pod", pod).get("status", {}).get(field) or [{}]
        state: Json = found[0]
        return state

    def waits_for(self, pod: str, reason: str, init: bool = False) -> Json | None:
        """The container's status while it waits for this reason."""
        status = self.state(pod, init)
        waiting = status.get("state", {}).get("waiting") or {}
        return status if waiting.get("reason") == reason else None

    def events(self, name: str, reason: str) -> list[str]:
        return [
            event["message"]
            for event in self.items("Event")
            if event["reason"] == reason and event["involvedObject"]["name"] == name
        ]


@contextmanager
def space(
    cluster: ClusterStatus, name: str, servers: tuple[ServerModel, ...] = ()
) -> Iterator[Space]:
    """A namespace on a cluster that knows these servers; deleted afterwards."""
    if servers:
        EmbeddedProvider().teach(cluster.name, servers)
    with api_of(cluster.name) as api:
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        eventually(lambda: api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
        yield Space(cluster, api, name)
        api.delete(f"/api/v1/namespaces/{name}")
