"""Simulated servers on a real control plane."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api import Api
from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus, ServerModel

from .helpers import Json, api_of, eventually

pytestmark = pytest.mark.embedded

SERVER = ServerModel(
    image="shop/sentiment",
    tags=("v1", "v2"),
    port=8080,
    load=20,
    ready=("/ready",),
    live=("/live",),
)


class Namespace:
    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name = api, name
        self.path = f"/api/v1/namespaces/{name}"

    def pod(self, name: str) -> Json:
        return self.api.call("GET", f"{self.path}/pods/{name}")

    def run(self, name: str, *, annotations: Json | None = None, **spec: Any) -> None:
        container = {"name": "server", "image": "shop/sentiment:v1", **spec.pop("container", {})}
        body = {
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {"containers": [container], **spec},
        }
        self.api.call("POST", f"{self.path}/pods", body)

    def ready(self, name: str) -> bool:
        conditions = self.pod(name).get("status", {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def events(self, name: str, reason: str) -> list[str]:
        found = self.api.items(f"{self.path}/events")
        return [
            event["message"]
            for event in found
            if event["reason"] == reason and event["involvedObject"]["name"] == name
        ]


@pytest.fixture
def ns(embedded_cluster: ClusterStatus, request: pytest.FixtureRequest) -> Any:
    EmbeddedProvider().teach(embedded_cluster.name, (SERVER,))
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    with api_of(embedded_cluster.name) as api:
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        eventually(lambda: api.get(account))
        yield Namespace(api, name)
        api.delete(f"/api/v1/namespaces/{name}")


def http(path: str, port: Any = 8080) -> Json:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 5}


def test_a_right_probe_makes_a_pod_ready(ns: Namespace) -> None:
    ns.run("p", container={"readinessProbe": http("/ready")})
    eventually(lambda: ns.ready("p"))
    status = ns.pod("p")["status"]
    assert status["phase"] == "Running"
    assert status["containerStatuses"][0]["image"] == "docker.io/shop/sentiment:v1"
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        eventually(lambda reason=reason: ns.events("p", reason))


def test_a_wrong_path_leaves_a_kubelets_event(ns: Namespace) -> None:
    ns.run("p", container={"readinessProbe": http("/healthz")})
    said = eventually(lambda: ns.events("p", "Unhealthy"))
    assert said == ["Readiness probe failed: HTTP probe failed with statuscode: 404"]
    assert ns.pod("p")["status"]["phase"] == "Running"
    assert not ns.ready("p")


def test_a_wrong_port_is_refused(ns: Namespace) -> None:
    ns.run("p", container={"readinessProbe": http("/ready", 8000)})
    said = eventually(lambda: ns.events("p", "Unhealthy"))
    address = ns.pod("p")["status"]["podIP"]
    assert said == [
        f'Readiness probe failed: Get "http://{address}:8000/ready": '
        f"dial tcp {address}:8000: connect: connection refused"
    ]


def test_an_impatient_liveness_probe_kills(ns: Namespace) -> None:
    ns.run("p", container={"livenessProbe": http("/ready")})

    def restarted() -> bool:
        statuses = ns.pod("p")["status"].get("containerStatuses") or [{}]
        return statuses[0].get("restartCount", 0) >= 2

    eventually(restarted)
    assert ns.events("p", "Killing") == [
        "Container server failed liveness probe, will be restarted"
    ]
    assert ns.events("p", "BackOff")


def test_a_wrong_tag_cannot_be_pulled_until_it_is_taught(
    ns: Namespace, embedded_cluster: ClusterStatus
) -> None:
    ns.run("p", container={"image": "shop/other:v3"})

    def reason() -> str | None:
        statuses = ns.pod("p").get("status", {}).get("containerStatuses") or [{}]
        waiting: str | None = statuses[0].get("state", {}).get("waiting", {}).get("reason")
        return waiting if waiting in ("ErrImagePull", "ImagePullBackOff") else None

    eventually(reason)
    EmbeddedProvider().teach(embedded_cluster.name, (ServerModel(image="shop/other"),))
    eventually(lambda: ns.ready("p"))


def test_a_job_finishes_when_it_is_told_to(ns: Namespace) -> None:
    template = {
        "metadata": {"annotations": {"sim.mlk8s.dev/finish": "0"}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "work", "image": "shop/sentiment:v2"}],
        },
    }
    jobs = f"/apis/batch/v1/namespaces/{ns.name}/jobs"
    ns.api.call("POST", jobs, {"metadata": {"name": "j"}, "spec": {"template": template}})
    eventually(lambda: ns.api.call("GET", f"{jobs}/j")["status"].get("succeeded") == 1)


def deployment(image: str, replicas: int) -> Json:
    container = {
        "name": "server",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": http("/ready", "http"),
        "livenessProbe": http("/live", "http"),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container]}},
        },
    }


def test_a_rollout_takes_its_course(ns: Namespace) -> None:
    path = f"/apis/apps/v1/namespaces/{ns.name}/deployments"
    ns.api.call("POST", path, deployment("shop/sentiment:v1", 3))
    service = {
        "metadata": {"name": "d"},
        "spec": {"selector": {"app": "d"}, "ports": [{"port": 80}]},
    }
    ns.api.call("POST", f"{ns.path}/services", service)

    def available() -> bool:
        return ns.api.call("GET", f"{path}/d")["status"].get("availableReplicas") == 3

    def ready_endpoints() -> int:
        slices = ns.api.items(f"/apis/discovery.k8s.io/v1/namespaces/{ns.name}/endpointslices")
        endpoints = [e for s in slices for e in s.get("endpoints") or []]
        return sum(e["conditions"]["ready"] for e in endpoints)

    eventually(available)
    eventually(lambda: ready_endpoints() == 3)  # another controller, which may come later
    ns.api.apply(f"{path}/d", deployment("shop/sentiment:v2", 3))
    most, least = 0, 99

    def rolled() -> bool:
        nonlocal most, least
        pods = ns.api.items(f"{ns.path}/pods")
        most, least = max(most, len(pods)), min(least, ready_endpoints())
        images = {pod["spec"]["containers"][0]["image"] for pod in pods}
        return images == {"shop/sentiment:v2"} and len(pods) == 3 and available()

    eventually(rolled)
    assert most > 3  # the surge was seen
    assert least >= 3


def test_addresses_are_unique(ns: Namespace) -> None:
    path = f"/apis/apps/v1/namespaces/{ns.name}/deployments"
    ns.api.call("POST", path, deployment("shop/sentiment:v1", 20))

    def addresses() -> list[str] | None:
        pods = ns.api.items(f"{ns.path}/pods")
        found = [pod["status"]["podIP"] for pod in pods if pod.get("status", {}).get("podIP")]
        return found if len(found) == 20 else None

    assert len(set(eventually(addresses))) == 20


def test_a_node_refuses_what_does_not_fit(ns: Namespace) -> None:
    ns.run("p", container={"resources": {"limits": {"nvidia.com/gpu": "1"}}})
    message = eventually(lambda: ns.events("p", "FailedScheduling"))[0]
    assert "2 Insufficient nvidia.com/gpu" in message
    assert "1 node(s) had untolerated taint" in message


def test_a_deleted_pod_is_gone(ns: Namespace) -> None:
    ns.run("p")
    eventually(lambda: ns.ready("p"))
    ns.api.delete(f"{ns.path}/pods/p")
    eventually(lambda: ns.api.get(f"{ns.path}/pods/p") is None)
    assert ns.events("p", "Killing") == ["Stopping container server"]
