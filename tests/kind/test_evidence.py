"""What only real containers can show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kind import KindProvider
from cluster.kind.engine import find_engine
from cluster.kind.state import Folder
from cluster.model import ClusterSpec, ClusterStatus
from tests.kind.talk import Json, Talk, eventually, is_ready, phase, pod

pytestmark = [pytest.mark.kind, pytest.mark.slow]


@pytest.fixture
def talk(running: ClusterStatus, request: pytest.FixtureRequest) -> Iterator[Talk]:
    """A namespace for each test."""
    name = request.node.name.replace("_", "-")[:50].rstrip("-")
    cluster = Talk(running, name)
    cluster.run("create", "namespace", name)
    yield cluster
    cluster.run("delete", "namespace", name, "--wait=false")


def test_the_cluster_has_the_nodes_of_the_spec_and_real_capabilities(
    running: ClusterStatus,
) -> None:
    assert running.running
    assert {"cpu-worker-1", "cpu-worker-2", "gpu-worker"} <= set(running.nodes)
    found = running.capabilities
    assert (found.control_plane, found.kubelet, found.containers) == ("real", "real", "real")
    assert found.time_factor == 1.0
    gpu = Talk(running, "default").get("node", "gpu-worker")
    assert gpu["metadata"]["labels"]["accelerator"] == "nvidia-a100"
    assert {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"} in gpu["spec"][
        "taints"
    ]
    assert gpu["status"]["allocatable"]["nvidia.com/gpu"] == "1"


def test_its_kubeconfig_is_private_and_the_users_own_is_untouched(
    running: ClusterStatus, default_kubeconfig: bytes | None
) -> None:
    assert running.kubeconfig is not None
    assert running.kubeconfig.stat().st_mode & 0o777 == 0o600
    own = Path.home() / ".kube" / "config"
    assert (own.read_bytes() if own.exists() else None) == default_kubeconfig


def test_creating_again_repairs_labels_taints_and_gpus(
    provider: KindProvider, running: ClusterStatus
) -> None:
    talk = Talk(running, "default")
    talk.run("label", "node", "gpu-worker", "accelerator-")
    talk.run("taint", "node", "gpu-worker", "nvidia.com/gpu-")
    patch = [{"op": "remove", "path": "/status/capacity/nvidia.com~1gpu"}]
    talk.run(
        "patch",
        "node",
        "gpu-worker",
        "--subresource=status",
        "--type=json",
        "-p",
        json.dumps(patch),
    )
    provider.create(ClusterSpec(name=running.name))
    gpu = talk.get("node", "gpu-worker")
    assert gpu["metadata"]["labels"]["accelerator"] == "nvidia-a100"
    assert [taint["key"] for taint in gpu["spec"]["taints"]] == ["nvidia.com/gpu"]
    assert gpu["status"]["allocatable"]["nvidia.com/gpu"] == "1"


def test_a_service_answers_from_outside_and_from_inside(talk: Talk, running: ClusterStatus) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1}
    env = [{"name": "MODEL_LOAD_SECONDS", "value": "3"}]
    talk.apply(
        pod("server", readinessProbe=probe, env=env),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server"},
            "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    )
    eventually(lambda: phase(talk.get("pod", "server")) == "Running")
    assert not is_ready(talk.get("pod", "server")), "the model takes three seconds to load"
    eventually(lambda: is_ready(talk.get("pod", "server")))
    namespace = talk.get("pod", "server")["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{namespace}/services/server:80/proxy/predict"
    answer = json.loads(eventually(lambda: talk.run("get", "--raw", path, check=False)))
    assert (answer["label"], answer["version"]) == ("positive", "v2.1.0")
    curl = {"args": ["-s", "http://server/predict"], "spec": {"restartPolicy": "Never"}}
    talk.apply(pod("client", "curlimages/curl:8.10.1", **curl))
    eventually(lambda: phase(talk.get("pod", "client")) == "Succeeded")
    assert json.loads(talk.run("logs", "client")) == answer
    assert '"msg":"loaded"' in talk.run("logs", "server")
    refused = "readiness probe failed"
    assert refused in talk.events("Unhealthy").lower()


def test_nginx_serves_what_a_config_map_says(talk: Talk) -> None:
    conf = "server { listen 8000; location = /predict { return 200 'from a ConfigMap'; } }"
    mounts = [{"name": "conf", "mountPath": "/etc/nginx/conf.d"}]
    volumes = {"volumes": [{"name": "conf", "configMap": {"name": "conf"}}]}
    talk.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "conf"},
            "data": {"default.conf": conf},
        },
        pod("web", "nginx:1.27-alpine", volumeMounts=mounts, spec=volumes),
    )
    namespace = talk.get("pod", "web")["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{namespace}/pods/web:8000/proxy/predict"
    answer = eventually(lambda: talk.run("get", "--raw", path, check=False))
    assert answer == "from a ConfigMap"


def test_the_kernel_ends_a_container_that_takes_too_much_memory(talk: Talk) -> None:
    limits = {"limits": {"memory": "64Mi"}}
    env = [
        {"name": "MODEL_MEMORY_MIB", "value": "256"},
        {"name": "MODEL_LOAD_SECONDS", "value": "1"},
    ]
    talk.apply(pod("hungry", resources=limits, env=env, spec={"restartPolicy": "Never"}))

    def ended() -> Json | None:
        statuses = talk.get("pod", "hungry").get("status", {}).get("containerStatuses") or [{}]
        state: Json = statuses[0].get("state") or {}
        return state.get("terminated")

    end = eventually(ended)
    assert (end["reason"], end["exitCode"]) == ("OOMKilled", 137)


def _gpu_pod(name: str) -> Json:
    spec = {
        "nodeSelector": {"accelerator": "nvidia-a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    trainer = "registry.example.com/embedding-trainer:v1.8.0"
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    return pod(name, trainer, command=["python", "train.py"], resources=limits, spec=spec)


def test_one_gpu_pod_runs_and_the_next_waits_with_the_schedulers_reason(talk: Talk) -> None:
    talk.apply(_gpu_pod("first"))
    eventually(lambda: phase(talk.get("pod", "first")) == "Running")
    assert talk.get("pod", "first")["spec"]["nodeName"] == "gpu-worker"
    talk.apply(_gpu_pod("second"))
    said = eventually(lambda: talk.events("FailedScheduling"))
    assert "Insufficient nvidia.com/gpu" in said
    assert phase(talk.get("pod", "second")) == "Pending"
    talk.run("delete", "pod", "first", "--wait=true")
    eventually(lambda: phase(talk.get("pod", "second")) == "Running")


def test_a_cpu_pod_never_lands_on_the_gpu_node(talk: Talk) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many"},
        "spec": {
            "replicas": 6,
            "selector": {"matchLabels": {"app": "many"}},
            "template": {
                "metadata": {"labels": {"app": "many"}},
                "spec": pod("many")["spec"],
            },
        },
    }
    talk.apply(deployment)
    eventually(lambda: sum(phase(found) == "Running" for found in talk.pods("many")) == 6)
    nodes = {found["spec"]["nodeName"] for found in talk.pods("many")}
    assert nodes == {"cpu-worker-1", "cpu-worker-2"}


def test_the_gpu_survives_a_restart_of_its_kubelet(talk: Talk, running: ClusterStatus) -> None:
    talk.apply(_gpu_pod("trainer"))
    eventually(lambda: phase(talk.get("pod", "trainer")) == "Running")
    engine = find_engine()
    workers = [
        c.name for c in engine.containers(Folder(running.name).engine_name) if c.role == "worker"
    ]
    before = talk.get("pod", "trainer")["status"]["containerStatuses"][0]["containerID"]
    for worker in workers:
        engine.run("exec", worker, "systemctl", "restart", "kubelet")
    eventually(lambda: is_ready(talk.get("node", "gpu-worker")))
    for _ in range(10):
        node = talk.get("node", "gpu-worker")
        assert node["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    found = talk.get("pod", "trainer")
    assert phase(found) == "Running"
    assert found["status"]["containerStatuses"][0]["containerID"] == before


def test_a_claim_of_the_default_class_keeps_what_is_written(talk: Talk) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "checkpoints"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "checkpoints"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    env = [{"name": "CHECKPOINT_DIR", "value": "/data"}, {"name": "RUN_SECONDS", "value": "2.5"}]
    trainer = "registry.example.com/embedding-trainer:v1.8.0"
    where = {"nodeName": "cpu-worker-1"}
    for name in ("one", "two"):
        spec = {"volumes": volumes, "restartPolicy": "Never"}
        if name == "two":
            spec |= where
        talk.apply(claim, pod(name, trainer, env=env, volumeMounts=mounts, spec=spec))
        eventually(lambda name=name: phase(talk.get("pod", name)) == "Succeeded")
        where = {"nodeName": talk.get("pod", name)["spec"]["nodeName"]}
    assert '"step":2,' in talk.run("logs", "two").splitlines()[0].replace("}", ",")


def test_usage_is_measured_and_an_autoscaler_follows_it(talk: Talk) -> None:
    command = ["sh", "-c", "while true; do :; done"]
    busy = pod(
        "busy",
        "curlimages/curl:8.10.1",
        command=command,
        resources={"requests": {"cpu": "50m"}, "limits": {"cpu": "200m"}},
    )
    talk.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "busy"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "busy"}},
                "template": {"metadata": {"labels": {"app": "busy"}}, "spec": busy["spec"]},
            },
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "busy"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"},
                "minReplicas": 1,
                "maxReplicas": 2,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": 60},
                        },
                    }
                ],
            },
        },
    )
    eventually(lambda: len(talk.pods("busy")) == 2, seconds=150)
    current = talk.get("hpa", "busy")["status"]["currentMetrics"][0]["resource"]["current"]
    assert current["averageUtilization"] > 60


def test_network_policies_are_called_enforced_only_if_they_are(
    talk: Talk, running: ClusterStatus
) -> None:
    listed = talk.run("get", "daemonsets", "-n", "kube-system", "-o", "name")
    ours = "node-network" in listed
    assert (running.capabilities.network_policy is None) is ours


def test_an_image_that_must_be_pulled_is_found_without_a_network(talk: Talk) -> None:
    """As the tag `latest` asks for."""
    image = "registry.example.com/sentiment-inference:latest"
    talk.apply(pod("newest", image, imagePullPolicy="Always"))
    eventually(lambda: phase(talk.get("pod", "newest")) == "Running")
    assert "Successfully pulled image" in talk.events("Pulled")
