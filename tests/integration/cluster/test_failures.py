"""Failures worth diagnosing: real scheduler and controllers around simulated containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import (
    ClusterSpec,
    ClusterStatus,
    IndexFailure,
    Memory,
    ServerModel,
    VolumeSpec,
)

from .helpers import Json, eventually, kubectl
from .space import Space, space

pytestmark = pytest.mark.embedded

READY = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5}
SERVERS = (
    ServerModel(
        image="shop/ranker",
        port=8080,
        load=20,
        ready=("/ready",),
        memory=Memory(load="1500Mi", rest="900Mi", per_item="20Mi"),
        says=("ranker starting",),
    ),
    ServerModel(image="shop/fetch", runs_for=5),
    ServerModel(
        image="shop/fetch", containers=("verify",), runs_for=2, exit_code=3, expects=("cafe42",)
    ),
    ServerModel(
        image="shop/shard",
        runs_for=10,
        index_failures=(IndexFailure(index=2, exit_code=42), IndexFailure(index=3, times=1)),
    ),
    ServerModel(image="shop/stubborn", sigterm="ignore"),
    ServerModel(image="shop/crash", crash_after=2, last_words=("no CUDA device",)),
)


@pytest.fixture
def ns(embedded_cluster: ClusterStatus, request: pytest.FixtureRequest) -> Iterator[Space]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    with space(embedded_cluster, name, SERVERS) as found:
        yield found


def ranker(memory: str = "2Gi", **more: Any) -> Json:
    return {
        "image": "shop/ranker:v1",
        "resources": {"limits": {"memory": memory}},
        "readinessProbe": READY,
        **more,
    }


def pod(container: Json, **spec: Any) -> Json:
    return {"containers": [{"name": "server", **container}], **spec}


def test_out_of_memory_until_the_limit_is_raised(ns: Space) -> None:
    ns.deploy("ranker", 1, ranker("1Gi"))

    def crashing() -> Json | None:
        names = [p["metadata"]["name"] for p in ns.items("Pod")]
        found = [ns.waits_for(name, "CrashLoopBackOff") for name in names]
        return found[0] if found else None

    status = eventually(crashing)
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert "back-off" in status["state"]["waiting"]["message"]
    assert ns.available("ranker") == 0
    name = ns.items("Pod")[0]["metadata"]["name"]
    eventually(lambda: ns.events(name, "BackOff"))

    container = {"name": "server", **ranker("1500Mi")}
    ns.patch("Deployment", "ranker", {"spec": {"template": {"spec": pod(container)}}})
    eventually(lambda: ns.available("ranker") == 1 and len(ns.items("Pod")) == 1)
    name = ns.items("Pod")[0]["metadata"]["name"]
    assert ns.state(name)["restartCount"] == 0


def test_a_batch_size_from_a_config_map_kills(ns: Space) -> None:
    ns.make("ConfigMap", "serving", data={"BATCH_SIZE": "64"})
    env = [{"configMapRef": {"name": "serving"}}]
    ns.make("Pod", "p", pod(ranker("1600Mi", envFrom=env)))
    status = eventually(lambda: ns.waits_for("p", "CrashLoopBackOff"))
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    ns.patch("ConfigMap", "serving", {"data": {"BATCH_SIZE": "8"}})
    eventually(lambda: ns.ready("p"))


def test_an_init_container_that_fails_and_one_that_does_not(ns: Space) -> None:
    def with_init(checksum: str) -> Json:
        fetch = {"name": "fetch", "image": "shop/fetch:1"}
        verify = {"name": "verify", "image": "shop/fetch:1", "args": [checksum]}
        return pod(ranker(), initContainers=[fetch, verify])

    # This one ends with 3 when it is told the right sum, and with 1 otherwise.
    ns.make("Pod", "wrong", with_init("beef"))
    good = {"name": "fetch", "image": "shop/fetch:1"}
    ns.make("Pod", "right", pod(ranker(), initContainers=[good]))
    eventually(lambda: ns.ready("right"))

    def failing() -> Json | None:
        statuses = ns.get("Pod", "wrong")["status"].get("initContainerStatuses") or []
        found = statuses[1] if len(statuses) == 2 else {}
        return found if found.get("restartCount", 0) >= 1 else None

    status = eventually(failing)
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert ns.get("Pod", "wrong")["status"]["phase"] == "Pending"
    assert ns.cluster.kubeconfig is not None

    def listed() -> bool:
        assert ns.cluster.kubeconfig is not None
        row = kubectl(ns.cluster.kubeconfig, "-n", ns.name, "get", "pod", "wrong")
        return "Init:CrashLoopBackOff" in row

    eventually(listed)


def test_a_sidecar_starts_before_the_server(ns: Space) -> None:
    sidecar = {"name": "cache", "image": "shop/stubborn", "restartPolicy": "Always"}
    ns.make("Pod", "p", pod(ranker(), initContainers=[sidecar]))
    eventually(lambda: ns.ready("p"))
    status = ns.get("Pod", "p")["status"]
    assert "running" in status["initContainerStatuses"][0]["state"]
    began = status["initContainerStatuses"][0]["state"]["running"]["startedAt"]
    assert began <= status["containerStatuses"][0]["state"]["running"]["startedAt"]


def test_an_index_that_fails_takes_no_other_with_it(ns: Space) -> None:
    ns.make(
        "Job",
        "shards",
        {
            "completions": 5,
            "parallelism": 5,
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "work", "image": "shop/shard:1"}],
                }
            },
        },
    )

    def over() -> Json | None:
        status = ns.get("Job", "shards")["status"]
        conditions = {c["type"] for c in status.get("conditions") or [] if c["status"] == "True"}
        return status if "Failed" in conditions else None

    status = eventually(over)
    assert status["failedIndexes"] == "2,3"
    assert status["completedIndexes"] == "0,1,4"
    codes = {
        p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]: p["status"][
            "containerStatuses"
        ][0]["state"]["terminated"]["exitCode"]
        for p in ns.items("Pod")
    }
    assert codes == {"0": 0, "1": 0, "2": 42, "3": 1, "4": 0}


@pytest.mark.slow
def test_an_index_is_retried_alone(ns: Space) -> None:
    ns.make(
        "Job",
        "shards",
        {
            "completions": 4,
            "parallelism": 2,
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 1,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "work", "image": "shop/shard:1"}],
                }
            },
        },
    )

    def over() -> Json | None:
        status = ns.get("Job", "shards")["status"]
        conditions = {c["type"] for c in status.get("conditions") or [] if c["status"] == "True"}
        return status if "Failed" in conditions else None

    status = eventually(over, seconds=120)
    assert status["failedIndexes"] == "2"
    assert status["completedIndexes"] == "0,1,3"
    assert status["failed"] == 3  # twice index 2, once index 3


def test_an_evicted_shard_counts_as_a_disruption(ns: Space) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    ns.make(
        "Job",
        "j",
        {
            "completions": 1,
            "backoffLimit": 0,
            "podFailurePolicy": {"rules": [rule]},
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "work", "image": "shop/ranker:v1"}],
                }
            },
        },
    )

    def running(other_than: str) -> str | None:
        names = [
            p["metadata"]["name"] for p in ns.items("Pod") if p["status"]["phase"] == "Running"
        ]
        return next((name for name in names if name != other_than), None)

    name = eventually(lambda: running(""))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    ns.api.call("POST", f"{ns.path('Pod', name)}/eviction", eviction)
    second = eventually(lambda: running(name))
    ns.patch("Pod", second, {"metadata": {"annotations": {"sim.mlk8s.dev/finish": "0"}}})
    eventually(lambda: ns.get("Job", "j")["status"].get("succeeded") == 1)
    assert not ns.get("Job", "j")["status"].get("failed")


def test_a_config_map_appears_later(ns: Space) -> None:
    volume = {"name": "conf", "configMap": {"name": "serving"}}
    mount = {"volumeMounts": [{"name": "conf", "mountPath": "/etc/serving"}]}
    ns.make("Pod", "mount", pod(ranker(**mount), volumes=[volume]))
    source = {"configMapKeyRef": {"name": "serving", "key": "batch"}}
    env = {"env": [{"name": "BATCH", "valueFrom": source}]}
    ns.make("Pod", "env", pod(ranker(**env)))
    said = eventually(lambda: ns.events("mount", "FailedMount"))
    assert said[0] == ('MountVolume.SetUp failed for volume "conf" : configmap "serving" not found')
    assert ns.waits_for("mount", "ContainerCreating")
    waiting = eventually(lambda: ns.waits_for("env", "CreateContainerConfigError"))
    assert waiting["state"]["waiting"]["message"] == 'configmap "serving" not found'
    ns.make("ConfigMap", "serving", data={"batch": "8"})
    eventually(lambda: ns.ready("mount") and ns.ready("env"))


def claim(modes: list[str], size: str = "5Gi") -> Json:
    return {"accessModes": modes, "resources": {"requests": {"storage": size}}}


def mounted(name: str, **container: Any) -> Json:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": name}}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return pod(ranker(**mounts, **container), volumes=[volume])


def phase(ns: Space, name: str) -> str:
    return str(ns.get("PersistentVolumeClaim", name).get("status", {}).get("phase", ""))


def test_a_claim_is_bound_for_its_first_pod(ns: Space) -> None:
    ns.make("Pod", "early", mounted("cache"))
    message = eventually(lambda: ns.events("early", "FailedScheduling"))[0]
    assert 'persistentvolumeclaim "cache" not found' in message
    ns.make("PersistentVolumeClaim", "cache", claim(["ReadWriteOnce"]))
    eventually(lambda: ns.ready("early"))
    assert phase(ns, "cache") == "Bound"
    eventually(lambda: ns.events("cache", "ProvisioningSucceeded"))
    volume = ns.get("PersistentVolumeClaim", "cache")["spec"]["volumeName"]
    ns.delete("Pod", "early")
    ns.delete("PersistentVolumeClaim", "cache")
    eventually(lambda: ns.api.get(f"/api/v1/persistentvolumes/{volume}") is None)


def test_a_claim_that_the_class_cannot_serve(ns: Space) -> None:
    ns.make("PersistentVolumeClaim", "shared", claim(["ReadWriteMany"]))
    ns.make("Pod", "p", mounted("shared"))
    said = eventually(lambda: ns.events("shared", "ProvisioningFailed"))
    assert "only supports ReadWriteOnce" in said[0]
    assert phase(ns, "shared") == "Pending"
    assert not ns.ready("p")


def test_a_volume_made_beforehand_serves_many_readers(ns: Space) -> None:
    shelf = VolumeSpec(name="models", capacity="50Gi", access_modes=("ReadOnlyMany",))
    spec = ClusterSpec(name=ns.cluster.name)
    EmbeddedProvider().create(spec.model_copy(update={"volumes": (shelf,)}))
    ns.make("PersistentVolumeClaim", "models", claim(["ReadOnlyMany"], "50Gi"))
    for name in ("one", "two"):
        ns.make("Pod", name, mounted("models"))
    eventually(lambda: ns.ready("one") and ns.ready("two"))
    assert ns.get("PersistentVolumeClaim", "models")["spec"]["volumeName"] == "models"
    for name in ("one", "two"):
        ns.delete("Pod", name)
    ns.delete("PersistentVolumeClaim", "models")

    def free_again() -> bool:
        volume = ns.api.call("GET", "/api/v1/persistentvolumes/models")
        return bool(volume["status"]["phase"] == "Available")

    eventually(free_again)
    EmbeddedProvider().create(spec)
    assert ns.api.get("/api/v1/persistentvolumes/models") is None


def test_a_pods_deadline(ns: Space) -> None:
    ns.make("Pod", "p", pod(ranker(), activeDeadlineSeconds=60))
    eventually(lambda: ns.get("Pod", "p")["status"]["phase"] == "Failed")
    status = ns.get("Pod", "p")["status"]
    assert status["reason"] == "DeadlineExceeded"
    eventually(lambda: ns.events("p", "DeadlineExceeded"))


def test_logs_of_this_run_and_the_last(ns: Space) -> None:
    assert ns.cluster.kubeconfig is not None
    ns.make("Pod", "p", pod(ranker()))
    eventually(lambda: ns.ready("p"))
    said = kubectl(ns.cluster.kubeconfig, "-n", ns.name, "logs", "p")
    assert said.splitlines() == [
        "ranker starting",
        "loading model",
        "listening on 0.0.0.0:8080",
        "model loaded in 20 s",
    ]
    ns.make("Pod", "c", pod({"image": "shop/crash"}))
    eventually(lambda: ns.state("c").get("restartCount", 0) >= 1)
    last = kubectl(ns.cluster.kubeconfig, "-n", ns.name, "logs", "c", "--previous", "--tail=1")
    assert last == "no CUDA device\n"


def test_what_ignores_the_signal_ends_with_its_grace(ns: Space) -> None:
    ns.make("Pod", "p", pod({"image": "shop/stubborn"}, terminationGracePeriodSeconds=40))
    eventually(lambda: ns.ready("p"))
    ns.delete("Pod", "p")
    assert ns.get("Pod", "p")["metadata"]["deletionTimestamp"]
    eventually(lambda: ns.api.get(ns.path("Pod", "p")) is None)


def test_a_quota_that_was_counted_wrong_is_counted_anew(ns: Space) -> None:
    ns.make("ResourceQuota", "team", {"hard": {"pods": "5"}})
    eventually(lambda: "used" in (ns.get("ResourceQuota", "team").get("status") or {}))
    ns.make("Pod", "p", pod(ranker()))

    def used() -> str:
        return str(ns.get("ResourceQuota", "team")["status"]["used"]["pods"])

    eventually(lambda: used() == "1")
    # As the quota controller does where it lists the Pods before it has heard of the latest.
    path = f"{ns.path('ResourceQuota', 'team')}/status"
    change = {"status": {"used": {"pods": "0"}}}
    ns.api.call("PATCH", path, change, "application/merge-patch+json")
    assert used() == "0"
    eventually(lambda: used() == "1")
