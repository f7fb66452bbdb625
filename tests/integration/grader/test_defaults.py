"""Each rule of grader.model.defaults against the API server itself, by dry run."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from kubernetes import client, config

from cluster.model import ClusterStatus
from grader.model.defaults import with_defaults

pytestmark = pytest.mark.embedded

CONTAINER: dict[str, Any] = {"name": "server", "image": "nginx:1.27-alpine"}
FULL: dict[str, Any] = {
    "name": "server",
    "image": "nginx",
    "ports": [{"containerPort": 8000}, {"containerPort": 53, "protocol": "UDP"}],
    "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
    "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 5},
    "livenessProbe": {"tcpSocket": {"port": 8000}, "failureThreshold": 6},
    "startupProbe": {"grpc": {"port": 8000}},
    "lifecycle": {"preStop": {"httpGet": {"port": 8000, "path": "/stop"}}},
    "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
}
VOLUMES: list[dict[str, Any]] = [
    {"name": "nothing"},
    {"name": "config", "configMap": {"name": "c"}},
    {"name": "secret", "secret": {"secretName": "s"}},
    {"name": "host", "hostPath": {"path": "/tmp"}},
    {"name": "down", "downwardAPI": {"items": [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    {"name": "many", "projected": {"sources": [
        {"serviceAccountToken": {"path": "t"}},
        {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}},
    {"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}},
]  # fmt: skip
LABELS = {"app": "web"}


def template(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": dict(LABELS)}, "spec": {"containers": [CONTAINER], **spec}}


def obj(api_version: str, kind: str, spec: Any = None, **others: Any) -> dict[str, Any]:
    written = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, **others}
    return copy.deepcopy(written | ({"spec": spec} if spec is not None else {}))


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    needed = {"selector": {"matchLabels": LABELS}, "template": template()}
    return obj("apps/v1", kind, {**needed, **spec})


def job(**spec: Any) -> dict[str, Any]:
    return obj("batch/v1", "Job", {"template": template(restartPolicy="Never"), **spec})


def autoscaler(**spec: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5, **spec}
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", spec)


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
PORTS = [{"port": 80}]

CASES: dict[str, dict[str, Any]] = {
    "pod": obj("v1", "Pod", {"containers": [CONTAINER]}),
    "pod-full": obj("v1", "Pod", {"containers": [FULL], "initContainers": [
        {**CONTAINER, "name": "init", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
        "volumes": VOLUMES}),
    "pod-host-network": obj("v1", "Pod", {"hostNetwork": True, "containers": [
        {**CONTAINER, "ports": [{"containerPort": 8000}]}]}),
    "pod-digest": obj("v1", "Pod", {"containers": [
        {"name": "a", "image": "nginx@sha256:" + "0" * 64}]}),
    "deployment": workload("Deployment"),
    "deployment-full": workload("Deployment", template=template(
        containers=[FULL], volumes=VOLUMES, serviceAccountName="robot")),
    "deployment-recreate": workload("Deployment", strategy={"type": "Recreate"}, replicas=0),
    "deployment-surge": workload("Deployment", strategy={"rollingUpdate": {"maxSurge": 1}}),
    "stateful-set": workload("StatefulSet", serviceName="web"),
    "stateful-set-claims": workload("StatefulSet", serviceName="web", volumeClaimTemplates=[
        {"metadata": {"name": "data"}, "spec": CLAIM}]),
    "stateful-set-on-delete": workload("StatefulSet", updateStrategy={"type": "OnDelete"}),
    "stateful-set-rolling": workload("StatefulSet", updateStrategy={"type": "RollingUpdate"}),
    "deployment-nulls": workload("Deployment", replicas=None, strategy=None),
    "daemon-set": workload("DaemonSet"),
    "replica-set": workload("ReplicaSet"),
    "job": job(),
    "job-queue": job(parallelism=3),
    "job-shards": job(completions=4),
    "job-indexed": job(completions=4, completionMode="Indexed", backoffLimitPerIndex=1),
    "job-policy": job(podFailurePolicy={"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}),
    "cron-job": obj("batch/v1", "CronJob", {"schedule": "0 3 * * *", "jobTemplate": {
        "spec": {"template": template(restartPolicy="OnFailure")}}}),
    "service": obj("v1", "Service", {"selector": LABELS, "ports": PORTS}),
    "service-named": obj("v1", "Service", {"ports": [
        {"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 53,
         "protocol": "UDP"}]}),
    "service-headless": obj("v1", "Service", {"clusterIP": "None", "ports": PORTS}),
    "service-sticky": obj("v1", "Service", {"sessionAffinity": "ClientIP", "ports": PORTS}),
    "service-node-port": obj("v1", "Service", {"type": "NodePort", "ports": PORTS}),
    "service-balancer": obj("v1", "Service", {"type": "LoadBalancer", "ports": PORTS}),
    "service-external": obj("v1", "Service", {"type": "ExternalName", "externalName": "a.example"}),
    "hpa": autoscaler(),
    "hpa-metric": autoscaler(minReplicas=2, metrics=[{"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 65}}}]),
    "hpa-behavior": autoscaler(behavior={"scaleDown": {"stabilizationWindowSeconds": 300}}),
    "hpa-v1": obj("autoscaling/v1", "HorizontalPodAutoscaler", {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 3}),
    "claim": obj("v1", "PersistentVolumeClaim", CLAIM),
    "budget": obj("policy/v1", "PodDisruptionBudget", {
        "minAvailable": 1, "selector": {"matchLabels": LABELS}}),
    "policy": obj("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}}),
    "policy-both": obj("networking.k8s.io/v1", "NetworkPolicy", {
        "podSelector": {}, "ingress": [{"ports": [{"port": 80}]}],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}]}),
    "namespace": obj("v1", "Namespace"),
    "secret": obj("v1", "Secret", stringData={"a": "b"}),
    "config-map": obj("v1", "ConfigMap", data={"a": "b"}),
    "service-account": obj("v1", "ServiceAccount"),
    "limit-range": obj("v1", "LimitRange", {"limits": [
        {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "64Mi"}}]}),
    "quota": obj("v1", "ResourceQuota", {"hard": {"pods": "10"}}),
}  # fmt: skip

OF_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
OF_ADMISSION = ("priority", "preemptionPolicy", "tolerations")
OF_ALLOCATION = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


@pytest.fixture(scope="module")
def api(embedded_cluster: ClusterStatus) -> client.ApiClient:
    """A client, once the default ServiceAccount is there, without which Pods are refused."""
    found = config.new_client_from_config(str(embedded_cluster.kubeconfig))
    deadline = time.monotonic() + 60
    while True:
        try:
            client.CoreV1Api(found).read_namespaced_service_account("default", "default")
        except client.ApiException:
            assert time.monotonic() < deadline, "the default ServiceAccount never appeared"
            time.sleep(0.2)
        else:
            return found


def created(api: client.ApiClient, written: dict[str, Any]) -> dict[str, Any]:
    """The object as the API server would store it."""
    version = written["apiVersion"]
    kind = written["kind"]
    plural = {"NetworkPolicy": "networkpolicies"}.get(kind, f"{kind.lower()}s")
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    scope = "" if written["kind"] == "Namespace" else "/namespaces/default"
    request = api.param_serialize(
        "POST",
        f"{base}{scope}/{plural}",
        query_params=[("dryRun", "All"), ("fieldValidation", "Strict")],
        header_params={"Content-Type": "application/json", "Accept": "application/json"},
        body=written,
        auth_settings=["BearerToken"],
    )
    response = api.call_api(*request)
    answer = json.loads(response.read() or response.data)
    assert response.status < 300, answer["message"]
    return dict(answer)


def comparable(value: dict[str, Any]) -> dict[str, Any]:
    """Without what only a server can know: identity, addresses, what admission adds."""
    result = copy.deepcopy(value)
    result.pop("status", None)
    metadata = result["metadata"]
    for key in (*OF_THE_SERVER, "namespace"):
        metadata.pop(key, None)
    if result["kind"] == "DaemonSet":
        metadata.pop("annotations", None)
    spec = result.get("spec") or {}
    drop = (*OF_ALLOCATION, *(OF_ADMISSION if result["kind"] == "Pod" else ()))
    for key in drop:
        spec.pop(key, None)
    for port in spec.get("ports", []):
        port.pop("nodePort", None)
    for claim in spec.get("volumeClaimTemplates", []):
        claim.pop("status", None)
    _without_times(result)
    if result["kind"] == "Job":
        spec.pop("selector", None)
        for labels in (metadata.get("labels", {}), spec["template"]["metadata"]["labels"]):
            for key in [key for key in labels if "controller-uid" in key or "job-name" in key]:
                del labels[key]
    if result["kind"] == "Secret":
        result.pop("stringData", None)
        result.pop("data", None)
    if result["kind"] == "PersistentVolumeClaim":
        spec.pop("storageClassName", None)
        metadata.pop("finalizers", None)
    return result


def _without_times(value: Any) -> None:
    """Templates carry an empty creationTimestamp in some releases."""
    if isinstance(value, dict):
        if value.get("creationTimestamp", ...) is None:
            del value["creationTimestamp"]
        for item in value.values():
            _without_times(item)
    elif isinstance(value, list):
        for item in value:
            _without_times(item)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Each leaf under its path; empty mappings and lists are leaves."""
    if isinstance(value, dict) and value:
        parts = [flat(item, f"{path}.{key}") for key, item in value.items()]
    elif isinstance(value, list) and value:
        parts = [flat(item, f"{path}[{index}]") for index, item in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for part in parts for key, leaf in part.items()}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Path to what we say and what the server says, where the two differ."""
    one, other = flat(comparable(ours)), flat(comparable(theirs))
    return {
        path: (one.get(path), other.get(path))
        for path in sorted(one.keys() | other.keys())
        if (path in one, one.get(path)) != (path in other, other.get(path))
    }


@pytest.mark.parametrize("name", CASES)
def test_the_api_server_says_the_same(api: client.ApiClient, name: str) -> None:
    written = CASES[name]
    if written["kind"] == "Pod":
        written["spec"]["automountServiceAccountToken"] = False
    stored = created(api, written)
    assert differences(with_defaults(written), stored) == {}
    assert differences(with_defaults(stored), stored) == {}
