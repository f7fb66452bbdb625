"""Load, the metrics APIs, and the real autoscaler."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.embedded.state import Folder
from cluster.errors import ClusterError
from cluster.model import ClusterSpec, ClusterStatus, Memory, NodeSpec, ServerModel
from cluster.tempo import at_tempo

from .helpers import Json, eventually, kubectl
from .space import Space, space

pytestmark = pytest.mark.embedded

KUBELET = "cluster.embedded.kubelet"
COST, IDLE, REQUEST, TARGET = 10.0, 20.0, 500, 65
SERVERS = (
    ServerModel(
        image="shop/scorer",
        port=8080,
        load=10,
        ready=("/ready",),
        cpu_per_request=COST,
        cpu_idle=IDLE,
        memory=Memory(load="900Mi", rest="800Mi"),
    ),
)


@pytest.fixture
def ns(embedded_cluster: ClusterStatus, request: pytest.FixtureRequest) -> Iterator[Space]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    with space(embedded_cluster, name, SERVERS) as found:
        yield found


def scorer(**resources: Any) -> Json:
    return {
        "image": "shop/scorer:v1",
        "resources": resources or {"requests": {"cpu": f"{REQUEST}m"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2},
    }


def serve(ns: Space, replicas: int, **resources: Any) -> None:
    ns.deploy("web", replicas, scorer(**resources))
    ns.make("Service", "web", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
    eventually(lambda: ns.available("web") == replicas)
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{ns.name}/endpointslices"

    def endpoints() -> bool:
        found = [e for s in ns.api.items(slices) for e in s.get("endpoints") or []]
        return sum(bool(e["conditions"]["ready"]) for e in found) == replicas

    eventually(endpoints)


def autoscale(ns: Space, least: int, most: int, behavior: Json | None = None) -> None:
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": TARGET},
                },
            }
        ],
    }
    if behavior is not None:
        spec["behavior"] = behavior
    ns.make("HorizontalPodAutoscaler", "web", spec)


def put(ns: Space, rate: float) -> None:
    EmbeddedProvider().load(ns.cluster.name, ns.name, "web", rate)


def replicas(ns: Space) -> int:
    return int(ns.get("Deployment", "web")["spec"]["replicas"])


def utilization(ns: Space) -> int:
    status = ns.get("HorizontalPodAutoscaler", "web").get("status", {})
    metrics = status.get("currentMetrics") or [{}]
    current = metrics[0].get("resource", {}).get("current", {})
    return int(current.get("averageUtilization") or 0)


def says(ns: Space, condition: str, reason: str) -> bool:
    """Whether the autoscaler reports this reason for a condition."""
    status = ns.get("HorizontalPodAutoscaler", "web").get("status", {})
    found = status.get("conditions") or []
    return any(c["type"] == condition and c["reason"] == reason for c in found)


def used(ns: Space) -> list[float]:
    found = ns.api.items(f"/apis/metrics.k8s.io/v1beta1/namespaces/{ns.name}/pods")
    return [float(p["containers"][0]["usage"]["cpu"].removesuffix("n")) / 1e6 for p in found]


def test_usage_follows_the_rate_over_the_ready_endpoints(ns: Space) -> None:
    serve(ns, 3)
    assert used(ns) == [IDLE] * 3
    put(ns, 90)
    eventually(lambda: used(ns) == [IDLE + 30 * COST] * 3)
    ns.patch("Deployment", "web", {"spec": {"replicas": 6}})
    eventually(lambda: used(ns) == [IDLE + 15 * COST] * 6)
    put(ns, 0)
    assert used(ns) == [IDLE] * 6


def test_cpu_is_throttled_at_the_limit(ns: Space) -> None:
    serve(ns, 1, limits={"cpu": "250m"})
    put(ns, 1000)
    eventually(lambda: used(ns) == [250.0])


def test_kubectl_top(ns: Space) -> None:
    serve(ns, 1)
    assert ns.cluster.kubeconfig is not None
    row = kubectl(ns.cluster.kubeconfig, "-n", ns.name, "top", "pods", "--no-headers").split()
    assert row[1:] == ["20m", "800Mi"]
    table = kubectl(ns.cluster.kubeconfig, "top", "nodes", "--no-headers")
    assert {line.split()[0] for line in table.splitlines()} >= {"cpu-worker-1", "gpu-worker"}


def test_doubled_load_gives_the_replicas_of_the_formula(ns: Space) -> None:
    serve(ns, 3)
    autoscale(ns, 3, 20)
    rate = 3 * (REQUEST * TARGET / 100 - IDLE) / COST
    put(ns, rate)
    eventually(lambda: utilization(ns) == TARGET)
    assert replicas(ns) == 3
    put(ns, 2 * rate)
    total = 3 * IDLE + 2 * rate * COST  # used by three Pods in the moment after it doubled
    expected = math.ceil(total / (REQUEST * TARGET / 100) - 1e-9)
    eventually(lambda: ns.available("web") == expected)
    assert 5 <= expected <= 6
    eventually(lambda: abs(utilization(ns) - TARGET) <= 10)
    seen = {replicas(ns) for _ in range(20) if time.sleep(0.05) is None}
    assert seen == {expected}


def test_never_more_than_the_maximum(ns: Space) -> None:
    serve(ns, 2)
    autoscale(ns, 2, 5)
    put(ns, 100_000)
    seen = set()

    def limited() -> bool:
        seen.add(now := replicas(ns))
        return now == 5 and says(ns, "ScalingLimited", "TooManyReplicas")

    eventually(limited)
    seen |= {replicas(ns) for _ in range(20) if time.sleep(0.05) is None}
    assert max(seen) == 5


def test_down_again_only_after_the_window(ns: Space) -> None:
    serve(ns, 1)
    hpa = {"scaleDown": {"stabilizationWindowSeconds": 100}}
    factor = ns.cluster.capabilities.time_factor
    spec = {"kind": "HorizontalPodAutoscaler", "spec": {"behavior": hpa}}
    behavior = at_tempo(spec, factor)["spec"]["behavior"]
    window = behavior["scaleDown"]["stabilizationWindowSeconds"]
    assert window < 100
    autoscale(ns, 1, 4, behavior)
    put(ns, 100)
    eventually(lambda: ns.available("web") == 4)
    eventually(lambda: 0 < utilization(ns) < 100)
    put(ns, 0)
    # It knows that the load has gone, and waits all the same.
    eventually(lambda: says(ns, "AbleToScale", "ScaleDownStabilized"))
    assert replicas(ns) == 4
    eventually(lambda: replicas(ns) == 1)


def test_without_requests_the_autoscaler_cannot_compute(ns: Space) -> None:
    serve(ns, 1, limits={"memory": "2Gi"})
    autoscale(ns, 1, 4)
    put(ns, 1000)

    eventually(lambda: says(ns, "ScalingActive", "FailedGetResourceMetric"))
    said = eventually(lambda: ns.events("web", "FailedGetResourceMetric"))
    assert "missing request for cpu" in said[0]
    assert replicas(ns) == 1


def test_a_queue_sets_the_number_of_workers(ns: Space) -> None:
    ns.deploy("web", 1, scorer())
    metric = {"name": "queue_length", "selector": {"matchLabels": {"queue": "embeddings"}}}
    target = {"type": "AverageValue", "averageValue": "10"}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 9,
        "metrics": [{"type": "External", "external": {"metric": metric, "target": target}}],
    }
    ns.make("HorizontalPodAutoscaler", "web", spec)
    provider = EmbeddedProvider()
    name = ns.cluster.name
    provider.queue(name, ns.name, "queue_length", 900, {"queue": "other"})
    provider.queue(name, ns.name, "queue_length", 42, {"queue": "embeddings"})
    eventually(lambda: replicas(ns) == 5)
    provider.queue(name, ns.name, "queue_length", 420, {"queue": "embeddings"})
    eventually(lambda: replicas(ns) == 9)


def test_load_goes_with_its_namespace(ns: Space) -> None:
    put(ns, 7)
    path = f"/api/v1/namespaces/kube-system/configmaps/mlk8s-load.{ns.name}"
    assert ns.api.get(path) is not None
    ns.api.delete(f"/api/v1/namespaces/{ns.name}")
    eventually(lambda: ns.api.get(path) is None)
    assert ns.api.get(f"/api/v1/namespaces/{ns.name}") is None


def test_what_cannot_be(embedded_cluster: ClusterStatus) -> None:
    provider, name = EmbeddedProvider(), embedded_cluster.name
    with pytest.raises(ClusterError, match="no namespace nowhere"):
        provider.load(name, "nowhere", "web", 1)
    with pytest.raises(ClusterError, match="not negative"):
        provider.load(name, "default", "web", -1)
    with pytest.raises(ClusterError, match="no queue"):
        provider.queue(name, "default", "queue_length", -1)
    with pytest.raises(ClusterError, match="no cluster absent"):
        provider.load("absent", "default", "web", 1)


def test_another_simulated_kubelet_goes_on_where_the_last_one_was(embedded_home: None) -> None:
    provider, spec = EmbeddedProvider(), ClusterSpec(name="relay", nodes=(NodeSpec(name="only"),))
    with space(provider.create(spec), "relay", SERVERS) as ns:
        serve(ns, 2)
        autoscale(ns, 1, 4)
        put(ns, 60)
        eventually(lambda: utilization(ns) == 64)
        kubelet = next(p for p in Folder("relay").processes() if KUBELET in p.argv)
        os.kill(kubelet.pid, signal.SIGKILL)
        api_service = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"

        def away() -> bool:
            status = ns.api.call("GET", api_service)["status"]
            return any(c["status"] == "False" for c in status["conditions"])

        # Any change makes the API server look again; by itself it does so every half minute.
        nudge = {"metadata": {"annotations": {"test": "look"}}}
        ns.api.call("PATCH", api_service, nudge, "application/merge-patch+json")
        eventually(away)
        before = [p["metadata"]["name"] for p in ns.items("Pod")]
        provider.create(spec)
        eventually(lambda: used(ns) == [IDLE + 30 * COST] * 2)
        assert [p["metadata"]["name"] for p in ns.items("Pod")] == before
        assert ns.state(before[0])["restartCount"] == 0
    provider.delete("relay")
