"""Which path of the API serves a kind: a table for the usual ones, discovery for the rest."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple
from urllib.parse import quote

from grader.observe.client import Api


class Kind(NamedTuple):
    """A kind as the API serves it. `version` is its apiVersion: `v1`, `apps/v1`."""

    name: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group, empty for the core."""
        return self.version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """URL path of the collection, or of one object. Without namespace: across all."""
        root = f"/apis/{self.version}" if "/" in self.version else f"/api/{self.version}"
        where = f"/namespaces/{quote(namespace)}" if namespace and self.namespaced else ""
        one = f"/{quote(name, safe=':')}" if name else ""
        return f"{root}{where}/{self.plural}{one}"


_NAMESPACED = {
    "v1": {
        "ConfigMap": "configmaps",
        "Endpoints": "endpoints",
        "Event": "events",
        "LimitRange": "limitranges",
        "PersistentVolumeClaim": "persistentvolumeclaims",
        "Pod": "pods",
        "ReplicationController": "replicationcontrollers",
        "ResourceQuota": "resourcequotas",
        "Secret": "secrets",
        "Service": "services",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {
        "DaemonSet": "daemonsets",
        "Deployment": "deployments",
        "ReplicaSet": "replicasets",
        "StatefulSet": "statefulsets",
    },
    "batch/v1": {"CronJob": "cronjobs", "Job": "jobs"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "networking.k8s.io/v1": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
    "discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "rbac.authorization.k8s.io/v1": {"Role": "roles", "RoleBinding": "rolebindings"},
}
_CLUSTER = {
    "v1": {"Namespace": "namespaces", "Node": "nodes", "PersistentVolume": "persistentvolumes"},
    "scheduling.k8s.io/v1": {"PriorityClass": "priorityclasses"},
    "storage.k8s.io/v1": {"StorageClass": "storageclasses"},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
    },
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": "customresourcedefinitions"},
    "admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    },
}

KNOWN: dict[str, Kind] = {
    name: Kind(name, version, plural, namespaced)
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER, False))
    for version, kinds in table.items()
    for name, plural in kinds.items()
}
"""Usual kinds by name, at the version in which this package reads them."""

ALWAYS: tuple[str, ...] = (
    "Namespace",
    "Node",
    "Pod",
    "Event",
    "Service",
    "EndpointSlice",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "Job",
    "ResourceQuota",
    "ServiceAccount",
)
"""Kinds that every recording watches, whatever its lab allows."""


class Kinds:
    """Finds kinds on one cluster; what was found is remembered. Safe for threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._served: dict[str, dict[str, Kind]] = {}
        self._groups: list[str] | None = None

    def of(self, name: str, version: str) -> Kind | None:
        """The kind of a manifest with this apiVersion; None where the cluster has no such thing."""
        known = KNOWN.get(name)
        if known is not None and known.version == version:
            return known
        return self._resources(version).get(name)

    def named(self, name: str) -> Kind | None:
        """The kind that goes by this name alone, at the version that the cluster prefers."""
        if name in KNOWN:
            return KNOWN[name]
        for version in self._preferred():
            if found := self._resources(version).get(name):
                return found
        return None

    def forget(self) -> None:
        """Ask again what there is: definitions were added."""
        with self._lock:
            self._groups = None
            self._served.clear()

    def _resources(self, version: str) -> dict[str, Kind]:
        with self._lock:
            if version not in self._served:
                found = self._discover(version)
                if not found:
                    return {}  # not remembered: its CRD may still come
                self._served[version] = found
            return self._served[version]

    def _discover(self, version: str) -> dict[str, Kind]:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answer = self._api.get(quote(root))
        resources: list[dict[str, Any]] = answer.body.get("resources") or []
        return {
            entry["kind"]: Kind(entry["kind"], version, entry["name"], bool(entry["namespaced"]))
            for entry in resources
            if "/" not in entry["name"]
        }

    def _preferred(self) -> list[str]:
        with self._lock:
            if self._groups is None:
                groups = self._api.get("/apis").body.get("groups") or []
                self._groups = ["v1", *(g["preferredVersion"]["groupVersion"] for g in groups)]
            return self._groups
