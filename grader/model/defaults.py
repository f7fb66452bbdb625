"""The API server's defaults, for the kinds that the course uses.

`with_defaults` turns an object as written into the object as the API server stores it, as far as
its *static* defaults go. What needs a cluster is left out: addresses, node names, tokens, status,
what admission plugins add. Each rule here is compared with a real API server in
`tests/integration/grader/test_defaults.py`.

Two things happen to Pods but not to the Pod templates of workloads: requests are filled in from
limits, and `serviceAccountName` and `enableServiceLinks` appear. `as_created` gives the spec of a
Pod with those.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from grader.model.defaults_pod import (
    default_pod_only,
    default_pod_spec,
    dicts,
    fill,
    mapping,
)

Object = dict[str, Any]

MAX_INT32 = 2**31 - 1


def with_defaults(obj: Object) -> Object:
    """A deep copy of `obj` with the API server's defaults filled in.

    Fields of the wrong type are left as they are; nulls count as not written and are dropped where
    a default takes their place.
    """
    result = copy.deepcopy(obj)
    rule = _RULES.get((str(result.get("apiVersion")), str(result.get("kind"))))
    if rule is not None:
        rule(result)
    return result


def as_created(pod_spec: Object) -> Object:
    """The spec that a Pod made from this (template's) spec has, as a deep copy."""
    result = copy.deepcopy(pod_spec)
    default_pod_spec(result)
    default_pod_only(result)
    return result


def _pod(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is not None:
        default_pod_spec(spec)
        default_pod_only(spec)


def _template(spec: Object) -> None:
    template = mapping(spec, "template")
    mapping(template, "metadata", create=True)
    pod_spec = mapping(template, "spec")
    if pod_spec is not None:
        default_pod_spec(pod_spec)


def _deployment(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = mapping(spec, "strategy", create=True)
    if strategy is not None:
        fill(strategy, type="RollingUpdate")
        rolling = strategy["type"] == "RollingUpdate"
        update = mapping(strategy, "rollingUpdate", create=True) if rolling else None
        if update is not None:
            fill(update, maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _daemon_set(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(spec, revisionHistoryLimit=10)
    strategy = mapping(spec, "updateStrategy", create=True)
    if strategy is not None:
        fill(strategy, type="RollingUpdate")
        rolling = strategy["type"] == "RollingUpdate"
        update = mapping(strategy, "rollingUpdate", create=True) if rolling else None
        if update is not None:
            fill(update, maxUnavailable=1, maxSurge=0)
    _template(spec)


def _stateful_set(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(spec, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
    fill(spec, serviceName="")
    strategy = mapping(spec, "updateStrategy", create=True)
    if strategy is not None:
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
            mapping(strategy, "rollingUpdate", create=True)
        update = mapping(strategy, "rollingUpdate")
        if strategy["type"] == "RollingUpdate" and update is not None:
            fill(update, partition=0)
    retention = mapping(spec, "persistentVolumeClaimRetentionPolicy", create=True)
    if retention is not None:
        fill(retention, whenDeleted="Retain", whenScaled="Retain")
    for claim in dicts(spec.get("volumeClaimTemplates")):
        _claim(claim)
        fill(claim, apiVersion="v1", kind="PersistentVolumeClaim")
    _template(spec)


def _replica_set(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is not None:
        fill(spec, replicas=1)
        _template(spec)


def _job(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    _job_spec(spec)
    template = mapping(spec, "template") or {}
    labels = (mapping(template, "metadata") or {}).get("labels")
    metadata = mapping(obj, "metadata")
    if metadata is not None and isinstance(labels, dict) and not metadata.get("labels"):
        metadata["labels"] = dict(labels)
    fill(spec, manualSelector=False)


def _job_spec(spec: Object) -> None:
    """Completions stay open when only parallelism is given: then it is a work queue."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec.pop("completions", None)
        fill(spec, completions=1)
    fill(spec, parallelism=1)
    by_index = spec.get("backoffLimitPerIndex") is not None
    fill(spec, backoffLimit=MAX_INT32 if by_index else 6)
    by_policy = spec.get("podFailurePolicy") is not None
    fill(
        spec,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy="Failed" if by_policy else "TerminatingOrFailed",
    )
    for rule in dicts((mapping(spec, "podFailurePolicy") or {}).get("rules")):
        for pattern in dicts(rule.get("onPodConditions")):
            fill(pattern, status="True")
    _template(spec)


def _cron_job(obj: Object) -> None:
    """The Job inside is a template: it gets its Pod template's defaults and no others."""
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    template = mapping(spec, "jobTemplate")
    mapping(template, "metadata", create=True)
    job_spec = mapping(template, "spec")
    if job_spec is not None:
        _template(job_spec)


def _service(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["sessionAffinity"] == "ClientIP":
        config = mapping(spec, "sessionAffinityConfig", create=True)
        client = mapping(config, "clientIP", create=True) if config is not None else None
        if client is not None:
            fill(client, timeoutSeconds=10800)
    for port in dicts(spec.get("ports")):
        fill(port, protocol="TCP")
        if not port.get("targetPort") and "port" in port:
            port["targetPort"] = port["port"]
    if spec["type"] in ("ClusterIP", "NodePort", "LoadBalancer"):
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer") or spec.get("externalIPs"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)


def _rules_of_scaling(behavior: Object, key: str, defaults: Object) -> None:
    rules = mapping(behavior, key, create=True)
    if rules is not None:
        fill(rules, **copy.deepcopy(defaults))


def _autoscaler(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = mapping(spec, "behavior")
    if behavior is not None:
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
        _rules_of_scaling(
            behavior,
            "scaleUp",
            {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [pods, percent],
            },
        )
        _rules_of_scaling(behavior, "scaleDown", {"selectPolicy": "Max", "policies": [percent]})


def _autoscaler_v1(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is not None:
        fill(spec, minReplicas=1, targetCPUUtilizationPercentage=80)


def _claim(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is not None:
        fill(spec, volumeMode="Filesystem")


def _network_policy(obj: Object) -> None:
    spec = mapping(obj, "spec")
    if spec is None:
        return
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (*dicts(spec.get("ingress")), *dicts(spec.get("egress"))):
        for port in dicts(rule.get("ports")):
            fill(port, protocol="TCP")


def _namespace(obj: Object) -> None:
    metadata = mapping(obj, "metadata")
    if metadata is None or not metadata.get("name"):
        return
    labels = mapping(metadata, "labels", create=True)
    if labels is not None:
        labels["kubernetes.io/metadata.name"] = metadata["name"]
    spec = mapping(obj, "spec", create=True)
    if spec is not None:
        fill(spec, finalizers=["kubernetes"])


def _secret(obj: Object) -> None:
    fill(obj, type="Opaque")


def _limit_range(obj: Object) -> None:
    for limit in dicts((mapping(obj, "spec") or {}).get("limits")):
        if limit.get("type") != "Container":
            continue
        default = mapping(limit, "default", create=True)
        request = mapping(limit, "defaultRequest", create=True)
        if default is None or request is None:
            continue
        fill(default, **(mapping(limit, "max") or {}))
        fill(request, **default)
        fill(request, **(mapping(limit, "min") or {}))


def _nothing(_: Object) -> None:
    """A kind that the API server stores as it is written."""


_RULES: dict[tuple[str, str], Callable[[Object], None]] = {
    ("v1", "Pod"): _pod,
    ("apps/v1", "Deployment"): _deployment,
    ("apps/v1", "DaemonSet"): _daemon_set,
    ("apps/v1", "StatefulSet"): _stateful_set,
    ("apps/v1", "ReplicaSet"): _replica_set,
    ("batch/v1", "Job"): _job,
    ("batch/v1", "CronJob"): _cron_job,
    ("v1", "Service"): _service,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): _autoscaler,
    ("autoscaling/v1", "HorizontalPodAutoscaler"): _autoscaler_v1,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("networking.k8s.io/v1", "NetworkPolicy"): _network_policy,
    ("v1", "Namespace"): _namespace,
    ("v1", "Secret"): _secret,
    ("v1", "LimitRange"): _limit_range,
    ("v1", "ConfigMap"): _nothing,
    ("v1", "ServiceAccount"): _nothing,
    ("v1", "ResourceQuota"): _nothing,
    ("policy/v1", "PodDisruptionBudget"): _nothing,
}
