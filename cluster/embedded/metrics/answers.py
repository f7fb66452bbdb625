"""The objects of metrics.k8s.io and external.metrics.k8s.io, and of their discovery."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.embedded.metrics.load import Queue
from cluster.embedded.metrics.selectors import matches
from cluster.embedded.metrics.usage import Use

Json = dict[str, Any]

RESOURCE, EXTERNAL = "metrics.k8s.io", "external.metrics.k8s.io"
VERSION = "v1beta1"
WINDOW = "1s"


def group(name: str) -> Json:
    """Discovery of one group."""
    version = {"groupVersion": f"{name}/{VERSION}", "version": VERSION}
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": [version],
        "preferredVersion": version,
    }


def resources(name: str, queues: Iterable[Queue] = ()) -> Json:
    """Discovery of the resources of one group."""
    found: list[Json]
    if name == RESOURCE:
        verbs = ["get", "list"]
        found = [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics"},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics"},
        ]
    else:
        verbs = ["get"]
        found = [
            {
                "name": metric,
                "singularName": "",
                "namespaced": True,
                "kind": "ExternalMetricValueList",
            }
            for metric in sorted({queue.metric for queue in queues})
        ]
    for resource in found:
        resource["verbs"] = verbs
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{name}/{VERSION}",
        "resources": found,
    }


def usage(use: Use) -> dict[str, str]:
    """Usage as quantities, rounded up to a nanocore and a byte."""
    return {"cpu": f"{math.ceil(use.cpu * 1e6)}n", "memory": str(math.ceil(use.memory))}


def pod_metrics(pod: Json, uses: Mapping[str, Use], at: str) -> Json:
    """The PodMetrics of one Pod."""
    metadata = pod["metadata"]
    kept = ("name", "namespace", "labels", "creationTimestamp")
    return {
        "kind": "PodMetrics",
        "apiVersion": f"{RESOURCE}/{VERSION}",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "timestamp": at,
        "window": WINDOW,
        "containers": [{"name": name, "usage": usage(use)} for name, use in uses.items()],
    }


def node_metrics(name: str, labels: Mapping[str, str], use: Use, at: str) -> Json:
    """The NodeMetrics of one node."""
    return {
        "kind": "NodeMetrics",
        "apiVersion": f"{RESOURCE}/{VERSION}",
        "metadata": {"name": name, "labels": dict(labels), "creationTimestamp": at},
        "timestamp": at,
        "window": WINDOW,
        "usage": usage(use),
    }


def listing(kind: str, items: list[Json], selector: str = "") -> Json:
    """A list of metrics objects, narrowed to those that a selector selects. Raises ValueError."""
    chosen = [item for item in items if matches(selector, item["metadata"].get("labels") or {})]
    return {
        "kind": f"{kind}List",
        "apiVersion": f"{RESOURCE}/{VERSION}",
        "metadata": {},
        "items": chosen,
    }


def external(metric: str, queues: Iterable[Queue], selector: str, at: str) -> Json:
    """The values of one external metric. Raises ValueError for no selector."""
    items = [
        {
            "metricName": queue.metric,
            "metricLabels": queue.labels,
            "timestamp": at,
            "value": f"{round(queue.value * 1000)}m",
        }
        for queue in queues
        if queue.metric == metric and matches(selector, queue.labels)
    ]
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": f"{EXTERNAL}/{VERSION}",
        "metadata": {},
        "items": items,
    }


def signs_path(namespace: str) -> str:
    """Where the simulated kubelet shows that it lives, and what it knows of others.

    `looked` says how many seconds ago the autoscaler's controller asked for each kind of metrics,
    the oldest first, which is the sign of life of one that says nothing while it has nothing to
    change; an answer shows nothing that is older than its question. `faults` lists the Pods of the
    namespace whose simulation broke: `{"uid": ..., "text": ...}`. `pods` has the resourceVersion
    of each Pod as it is known here, by uid; `ends` says in how many seconds something of a Pod
    will end by itself, or be killed by its own probe, where that is so. The answer comes once all
    that was due when it was asked for has been done and reported: so what has not happened then
    was not merely late.
    Not part of the metrics API, and so in no discovery.
    """
    return f"/apis/{RESOURCE}/{VERSION}/namespaces/{namespace}/mlk8s-signs"


def refusal(code: int, reason: str, message: str) -> Json:
    """The Status object of an error."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
