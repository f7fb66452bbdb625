from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.embedded.kubelet.references import Ref
from cluster.model import Memory, ServerModel

from .life import MODEL, Json, Life, http, manifest

PULL_AND_START = 2.5


def started_at(life: Life) -> float:
    return life.pod.main[0].started_at


def test_without_readiness_probe_it_is_ready_as_soon_as_it_runs() -> None:
    life = Life(manifest()).until(100)
    assert life.ready_since() == started_at(life) == PULL_AND_START
    assert [event.reason for _, event in life.events] == ["Pulling", "Pulled", "Created", "Started"]


@pytest.mark.parametrize(
    ("probe", "after"),
    [
        (http("/ready"), 20),
        (http("/ready", initialDelaySeconds=3), 23),  # 3, 8, 13, 18 fail; 23 is past the load
        (http("/ready", initialDelaySeconds=30), 30),
        (http("/ready", periodSeconds=7), 21),
        (http("/ready", successThreshold=3), 30),
        (http("/live"), 0),
        ({"tcpSocket": {"port": 8080}, "initialDelaySeconds": 4}, 4),
        ({"exec": {"command": ["x"]}, "initialDelaySeconds": 2}, 2),
    ],
)
def test_ready_at_the_first_probe_that_would_succeed(probe: Json, after: float) -> None:
    life = Life(manifest({"readinessProbe": probe})).until(200)
    since = life.ready_since()
    assert since is not None
    assert since - started_at(life) == pytest.approx(after)


@given(
    delay=st.integers(0, 60),
    period=st.integers(1, 60),
    threshold=st.integers(1, 4),
    load=st.integers(0, 120),
)
@settings(max_examples=150, deadline=None)
def test_the_moment_of_readiness_is_a_tick_of_the_probe(
    delay: int, period: int, threshold: int, load: int
) -> None:
    probe = http(
        "/ready", initialDelaySeconds=delay, periodSeconds=period, successThreshold=threshold
    )
    server = MODEL.model_copy(update={"load": float(load)})
    life = Life(manifest({"readinessProbe": probe}), (server,)).until(5_000)
    first_good = delay + math.ceil(max(0, load - delay) / period) * period
    since = life.ready_since()
    assert since is not None
    assert since - started_at(life) == pytest.approx(first_good + (threshold - 1) * period)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (http("/healthz"), "Readiness probe failed: HTTP probe failed with statuscode: 404"),
        (
            http("/ready", 8000),
            'Readiness probe failed: Get "http://10.10.0.2:8000/ready": '
            "dial tcp 10.10.0.2:8000: connect: connection refused",
        ),
    ],
)
def test_a_wrong_probe_never_gets_ready_and_comes_to_rest(probe: Json, message: str) -> None:
    life = Life(manifest({"readinessProbe": probe})).until(1e9)
    assert life.ready_since() is None
    assert life.status["phase"] == "Running"
    assert {text for _, text in life.said("Unhealthy")} == {message}
    assert life.container()["restartCount"] == 0
    assert math.isinf(life.pod.next_at)


def test_while_the_model_loads_the_probe_finds_503() -> None:
    life = Life(manifest({"readinessProbe": http("/ready")})).until(100)
    assert life.said("Unhealthy")[0][1].endswith("statuscode: 503")
    assert life.count("Unhealthy") <= 4


def test_liveness_on_a_live_path_lets_a_slow_model_load() -> None:
    life = Life(manifest({"livenessProbe": http("/live"), "readinessProbe": http()})).until(1e6)
    assert life.container()["restartCount"] == 0
    assert life.ready_since() is not None


def test_liveness_on_a_ready_path_kills_a_slow_model_again_and_again() -> None:
    life = Life(manifest({"livenessProbe": http("/ready"), "readinessProbe": http()})).until(400)
    assert life.container()["restartCount"] >= 3
    assert life.ready_since() is None
    assert life.said("Killing")[0][1] == "Container c failed liveness probe, will be restarted"
    assert {text for _, text in life.said("Unhealthy")} == {
        f"{kind} probe failed: HTTP probe failed with statuscode: 503"
        for kind in ("Liveness", "Readiness")
    }
    killed = life.said("Killing")[0][0]
    assert killed - PULL_AND_START == pytest.approx(2 * 5)  # three failures: at 0, 5 and 10 s
    reasons = {
        status["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
        for _, status in life.statuses
    }
    assert "CrashLoopBackOff" in reasons
    assert life.said("BackOff")[0][1] == "Back-off restarting failed container c in pod p_ns(u-1)"


def test_liveness_ends_a_pod_that_never_restarts() -> None:
    described = manifest({"livenessProbe": http("/ready")})
    described["spec"]["restartPolicy"] = "Never"
    life = Life(described).until(400)
    assert life.said("Killing")[0][1] == "Container c failed liveness probe"
    assert life.container()["restartCount"] == 0


def test_liveness_that_waits_for_the_load_is_fine() -> None:
    probe = http("/ready", failureThreshold=5)
    life = Life(manifest({"livenessProbe": probe})).until(1e6)
    assert life.container()["restartCount"] == 0


def test_a_startup_probe_holds_the_others_back() -> None:
    life = Life(
        manifest(
            {
                "startupProbe": http("/ready", failureThreshold=30),
                "livenessProbe": http("/ready", failureThreshold=1),
                "readinessProbe": http("/ready", successThreshold=1),
            }
        )
    ).until(1e6)
    assert life.container()["restartCount"] == 0
    since = life.ready_since()
    assert since is not None
    assert since - started_at(life) == pytest.approx(20)
    assert {text.split()[0] for _, text in life.said("Unhealthy")} == {"Startup"}


def test_a_startup_probe_that_gives_up_too_early_kills() -> None:
    life = Life(manifest({"startupProbe": http("/ready", failureThreshold=2)})).until(200)
    assert life.container()["restartCount"] > 0
    assert life.said("Killing")[0][1] == "Container c failed startup probe, will be restarted"


def test_back_off_grows_as_a_kubelets_does() -> None:
    quick = ServerModel(image="shop/sentiment", runs_for=1)
    life = Life(manifest(), (quick,)).until(2_000)
    starts = [at for at, _ in life.said("Started")]
    gaps = [round(after - before) for before, after in pairwise(starts)]
    # One second of work, half a second to start; the first restart is immediate.
    assert gaps[:7] == [2, 12, 22, 42, 82, 162, 302]
    assert life.container()["lastState"]["terminated"]["reason"] == "Completed"
    assert life.container()["restartCount"] == len(starts) - 1


@pytest.mark.parametrize(
    ("image", "policy", "reasons"),
    [
        ("shop/sentiment:v9", "IfNotPresent", ["ErrImagePull", "ImagePullBackOff"]),
        ("nobody/knows", "Always", ["ErrImagePull", "ImagePullBackOff"]),
        ("nobody/knows", "Never", ["ErrImageNeverPull"]),
    ],
)
def test_an_image_that_does_not_exist(image: str, policy: str, reasons: list[str]) -> None:
    life = Life(manifest({"image": image, "imagePullPolicy": policy})).until(500)
    seen: list[str] = []
    for _, status in life.statuses:
        reason = status["containerStatuses"][0]["state"]["waiting"]["reason"]
        if reason not in seen:
            seen.append(reason)
    assert [reason for reason in seen if reason != "ContainerCreating"] == reasons
    assert life.status["phase"] == "Pending"
    assert life.said("Failed")


def test_the_message_of_a_failed_pull_names_the_image_in_full() -> None:
    life = Life(manifest({"image": "nobody/knows"})).until(10)
    assert life.said("Failed")[0][1] == (
        'Failed to pull image "nobody/knows": rpc error: code = NotFound desc = failed to pull and '
        'unpack image "docker.io/nobody/knows:latest": failed to resolve reference '
        '"docker.io/nobody/knows:latest": docker.io/nobody/knows:latest: not found'
    )


def test_an_image_on_the_machine_is_not_pulled_again() -> None:
    node_knows = manifest(initContainers=[{"name": "i", "image": "shop/sentiment:v1"}])
    life = Life(node_knows).until(10)
    assert [text.split(" image")[0] for _, text in life.said("Pulled")] == [
        "Successfully pulled",
        "Container",
    ]
    policy_never = Life(manifest({"imagePullPolicy": "Never"})).until(10)
    assert policy_never.said("Pulled")[0][1].endswith("already present on machine")
    assert not policy_never.said("Pulling")


def test_an_image_that_is_taught_later_is_pulled_at_once() -> None:
    life = Life(manifest(), ()).until(300)
    assert life.status["phase"] == "Pending"
    life.pod.learn((MODEL,), life.now)
    life.until(life.now + PULL_AND_START)
    assert life.status["phase"] == "Running"


@pytest.mark.parametrize(("code", "phase"), [("0", "Succeeded"), ("3", "Failed")])
def test_finite_work_ends_with_the_exit_code_that_is_asked_for(code: str, phase: str) -> None:
    pod = manifest(restartPolicy="Never")
    pod["metadata"]["annotations"] = {"sim.mlk8s.dev/finish": code}
    life = Life(pod).until(100)
    assert life.status["phase"] == phase
    ended = life.container()["state"]["terminated"]
    assert ended["exitCode"] == int(code)
    assert ended["reason"] == ("Completed" if code == "0" else "Error")


def test_work_can_be_told_to_finish_while_it_runs() -> None:
    life = Life(manifest(restartPolicy="OnFailure")).until(100)
    changed = manifest(restartPolicy="OnFailure")
    changed["metadata"]["annotations"] = {"sim.mlk8s.dev/finish": "0"}
    life.change(changed)
    life.until(101)
    assert life.status["phase"] == "Succeeded"


def test_an_image_with_a_duration_ends_by_itself() -> None:
    batch = ServerModel(image="shop/sentiment", runs_for=40)
    life = Life(manifest(restartPolicy="Never"), (batch,)).until(PULL_AND_START + 39)
    assert life.status["phase"] == "Running"
    assert life.until(PULL_AND_START + 40).status["phase"] == "Succeeded"


def test_init_containers_run_in_order_before_the_others() -> None:
    pod = manifest(
        initContainers=[
            {"name": "first", "image": "shop/sentiment:v1"},
            {"name": "second", "image": "shop/sentiment:v1"},
        ]
    )
    life = Life(pod)
    assert life.container()["state"]["waiting"]["reason"] == "PodInitializing"
    life.until(100)
    assert [event.container for _, event in life.events if event.reason == "Started"] == [
        "first",
        "second",
        "c",
    ]
    assert [c["state"]["terminated"]["exitCode"] for c in life.status["initContainerStatuses"]] == [
        0,
        0,
    ]
    assert life.status["phase"] == "Running"


def test_a_sidecar_starts_first_keeps_running_and_ends_with_the_work() -> None:
    sidecar = {"name": "s", "image": "shop/sentiment:v1", "restartPolicy": "Always"}
    pod = manifest(initContainers=[sidecar], restartPolicy="Never")
    life = Life(pod).until(50)
    assert life.status["initContainerStatuses"][0]["state"].keys() == {"running"}
    assert life.status["phase"] == "Running"
    pod["metadata"]["annotations"] = {"sim.mlk8s.dev/finish": "0"}
    life.change(pod)
    life.until(100)
    assert life.status["phase"] == "Succeeded"


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    life = Life(manifest({"readinessProbe": http()}, {})).until(PULL_AND_START)
    assert [c["ready"] for c in life.status["containerStatuses"]] == [False, True]
    condition = next(c for c in life.status["conditions"] if c["type"] == "Ready")
    assert condition["message"] == "containers with unready status: [c]"
    assert life.until(100).ready_since() is not None


def test_a_readiness_gate_holds_the_pod_back() -> None:
    pod = manifest(readinessGates=[{"conditionType": "example.com/ok"}])
    life = Life(pod).until(50)
    assert life.ready_since() is None
    pod["status"] = {"conditions": [{"type": "example.com/ok", "status": "True"}]}
    life.change(pod)
    assert life.until(51).ready_since() is not None


def deleted(pod: Json, grace: int = 30) -> Json:
    metadata = {**pod["metadata"], "deletionTimestamp": "t", "deletionGracePeriodSeconds": grace}
    return {**pod, "metadata": metadata}


@pytest.mark.parametrize(
    ("lifecycle", "grace", "after", "code"),
    [
        ({}, 30, 2, 0),
        ({"preStop": {"sleep": {"seconds": 10}}}, 30, 12, 0),
        ({"preStop": {"exec": {"command": ["sh", "-c", "sleep 15"]}}}, 30, 17, 0),
        ({"preStop": {"sleep": {"seconds": 60}}}, 30, 30, 137),
    ],
)
def test_deletion_takes_its_time_within_the_grace_period(
    lifecycle: Json, grace: int, after: float, code: int
) -> None:
    pod = manifest({"lifecycle": lifecycle})
    life = Life(pod).until(100)
    life.change(deleted(pod, grace))
    life.until(100 + after - 0.01)
    assert not life.pod.gone
    life.until(100 + after)
    assert life.pod.gone
    assert life.container()["state"]["terminated"]["exitCode"] == code
    assert life.said("Killing") == [(100, "Stopping container c")]


def test_a_pod_that_never_started_is_gone_at_once() -> None:
    pod = manifest({"image": "nobody/knows"})
    life = Life(pod).until(20)
    life.change(deleted(pod))
    assert life.until(20).pod.gone


def test_a_container_being_restarted_does_not_survive_deletion() -> None:
    pod = manifest({"livenessProbe": http("/ready")})
    life = Life(pod)
    while not life.said("Killing"):
        life.until(life.pod.next_at)
    life.change(deleted(pod))
    assert life.until(1e5).pod.gone


def test_a_new_image_restarts_the_container() -> None:
    pod = manifest()
    life = Life(pod).until(50)
    life.change(manifest({"image": "shop/sentiment:v2"}))
    life.until(100)
    assert life.container()["image"] == "docker.io/shop/sentiment:v2"
    assert life.container()["restartCount"] == 1


def test_a_pod_is_taken_up_where_an_earlier_kubelet_left_it() -> None:
    pod = manifest({"readinessProbe": http(), "livenessProbe": http("/live")})
    before = Life(pod).until(100)
    pod["status"] = before.status
    after = Life(pod)
    after.pod.resume({"c": started_at(before)}, 100.0)
    after.until(100)
    assert after.ready_since() is not None
    assert after.container()["restartCount"] == 0


containers = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["shop/sentiment:v1", "shop/sentiment:v9", "x"]),
        "imagePullPolicy": st.sampled_from(["Always", "Never", "IfNotPresent"]),
        "readinessProbe": st.sampled_from([http("/ready"), http("/x"), http(port=1)]),
        "livenessProbe": st.sampled_from([http("/ready"), http("/live"), http("/x")]),
        "startupProbe": st.sampled_from([http("/ready", failureThreshold=9), http("/x")]),
        "resources": st.sampled_from([{"limits": {"memory": m}} for m in ("1Gi", "2Gi")]),
        "envFrom": st.sampled_from([[{"configMapRef": {"name": n}}] for n in ("conf", "none")]),
    },
)
models = st.sampled_from(
    [
        MODEL,
        MODEL.model_copy(update={"memory": Memory(load="1500Mi", rest="900Mi")}),
        MODEL.model_copy(update={"memory": Memory(rest="900Mi", leak_per_minute="100Mi")}),
        MODEL.model_copy(update={"crash_after": 30.0, "crashes": 2}),
        MODEL.model_copy(update={"runs_for": 60.0, "exit_code": 4, "sigterm": "ignore"}),
        MODEL.model_copy(update={"containers": ("i0",), "exit_code": 1}),
    ]
)


@given(
    st.lists(containers, min_size=1, max_size=3),
    st.lists(containers, max_size=2),
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.one_of(st.none(), st.floats(0, 100)),
    models,
    st.sampled_from([{}, {"activeDeadlineSeconds": 50}]),
)
@settings(max_examples=150, deadline=None)
def test_any_pod_keeps_the_rules(
    main: list[Json],
    init: list[Json],
    policy: str,
    delete_at: float | None,
    model: ServerModel,
    more: Json,
) -> None:
    pod = manifest(*main, restartPolicy=policy, **more)
    pod["spec"]["initContainers"] = [
        {"name": f"i{i}", "image": "shop/sentiment:v1", **c} for i, c in enumerate(init)
    ]
    life = Life(pod, (model,), {Ref("ConfigMap", "conf"): {"data": {"BATCH_SIZE": "4"}}})
    life.until(delete_at if delete_at is not None else 2_000)
    if delete_at is not None:
        life.change(deleted(pod))
        assert life.until(life.now + 31).pod.gone
    restarts: dict[str, int] = {}
    phases: list[str] = []
    for _, status in life.statuses:
        by_type: dict[str, Any] = {c["type"]: c["status"] for c in status["conditions"]}
        if phases and phases[-1] in ("Succeeded", "Failed"):
            assert status["phase"] == phases[-1]
        phases.append(status["phase"])
        all_ready = all(c["ready"] for c in status["containerStatuses"])
        assert (by_type["Ready"] == "True") <= all_ready
        for container in status["containerStatuses"]:
            assert len(container["state"]) == 1
            if container["ready"]:
                assert "running" in container["state"]
            assert container["restartCount"] >= restarts.get(container["name"], 0)
            restarts[container["name"]] = container["restartCount"]


# What comes


FOREVER = math.inf


@pytest.mark.parametrize(
    ("container", "server", "after"),
    [
        ({}, {}, FOREVER),
        ({"livenessProbe": http("/live")}, {}, FOREVER),
        ({"livenessProbe": http("/health")}, {}, 10),  # 0, 5, 10 fail
        ({"livenessProbe": http("/health", initialDelaySeconds=60)}, {}, 70),
        ({"livenessProbe": http("/ready", failureThreshold=4)}, {}, 15),  # before it is loaded
        ({"livenessProbe": http("/ready", failureThreshold=5)}, {}, FOREVER),
        ({"startupProbe": http("/ready", failureThreshold=9)}, {}, FOREVER),
        ({}, {"runs_for": 8}, 8),
        ({}, {"crash_after": 30}, 30),
        ({"livenessProbe": http("/health")}, {"crash_after": 3}, 3),
        ({"resources": {"limits": {"memory": "1Gi"}}}, {"memory": Memory(load="2Gi")}, 18),
    ],
)
def test_the_end_of_a_run_is_known_from_its_start(
    container: Json, server: Json, after: float
) -> None:
    model = MODEL.model_copy(update=server)
    life = Life(manifest(container), servers=(model,)).until(PULL_AND_START)
    assert life.pod.foreseen - started_at(life) == pytest.approx(after)
    if not math.isinf(after):
        life.until(PULL_AND_START + after - 0.01)
        assert life.container()["restartCount"] == 0
        assert life.count("Killing") == 0
        life.until(PULL_AND_START + after)
        assert life.count("Killing") or "running" not in life.container()["state"]


def test_a_process_that_was_told_to_stop_is_known_to_end() -> None:
    life = Life(manifest({"livenessProbe": http("/health")})).until(PULL_AND_START + 10)
    assert life.count("Killing") == 1
    assert life.pod.foreseen == life.now + MODEL.stops_in


def test_a_deadline_is_foreseen() -> None:
    life = Life(manifest(activeDeadlineSeconds=40)).until(5)
    assert life.pod.foreseen == 40
