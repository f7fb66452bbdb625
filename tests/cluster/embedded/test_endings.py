"""Crashes, init containers, indexed work, signals and deadlines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.embedded.kubelet.endings import Run, planned
from cluster.model import IndexFailure, ServerModel

from .life import MODEL, Json, Life, http, manifest

PULL_AND_START = 2.5
FETCH = ServerModel(image="shop/fetch", runs_for=5)
BROKEN = ServerModel(image="shop/fetch", containers=("verify",), runs_for=2, exit_code=3)


def init(name: str, **more: Any) -> Json:
    return {"name": name, "image": "shop/fetch", **more}


def test_an_init_container_that_fails_is_tried_again_with_a_back_off() -> None:
    pod = manifest({"readinessProbe": http()}, initContainers=[init("fetch"), init("verify")])
    life = Life(pod, (MODEL, FETCH, BROKEN)).until(300)
    assert life.status["phase"] == "Pending"
    first, second = life.status["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 0
    assert second["lastState"]["terminated"]["exitCode"] == 3
    assert second["restartCount"] >= 3
    assert "CrashLoopBackOff" in life.reasons(1, init=True)
    assert life.container()["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert life.ready_since() is None
    initialized = next(c for c in life.status["conditions"] if c["type"] == "Initialized")
    assert initialized["message"] == "containers with incomplete status: [verify]"


def test_an_init_container_that_fails_for_good_fails_the_pod() -> None:
    pod = manifest(restartPolicy="Never", initContainers=[init("verify")])
    life = Life(pod, (MODEL, FETCH, BROKEN)).until(300)
    assert life.status["phase"] == "Failed"
    ended = life.status["initContainerStatuses"][0]
    assert ended["state"]["terminated"]["reason"] == "Error"
    assert ended["restartCount"] == 0


def test_an_init_container_that_recovers_lets_the_others_begin() -> None:
    shaky = BROKEN.model_copy(update={"exit_code": 0, "crash_after": 1.0, "crashes": 2})
    pod = manifest(initContainers=[init("verify")])
    life = Life(pod, (MODEL, shaky)).until(300)
    assert life.status["initContainerStatuses"][0]["restartCount"] == 2
    assert life.ready_since() is not None


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ({"args": ["--sha256", "abc123"]}, True),
        ({"command": ["sh", "-c", 'echo "abc123  /m" | sha256sum -c']}, True),
        ({"env": [{"name": "SUM", "value": "abc123"}]}, True),
        ({"env": [{"name": "SUM", "value": "abd"}], "args": ["$(SUM)123"]}, False),
        ({"env": [{"name": "SUM", "value": "abc"}], "args": ["$(SUM)123"]}, True),
        ({}, False),
    ],
)
def test_what_a_container_is_told_decides(told: Json, fits: bool) -> None:
    checks = FETCH.model_copy(update={"expects": ("abc123",)})
    life = Life(manifest(initContainers=[init("verify", **told)]), (MODEL, checks)).until(50)
    assert (life.ready_since() is not None) is fits


def test_a_server_that_crashes_says_its_last_words() -> None:
    crash = MODEL.model_copy(
        update={"crash_after": 30.0, "crash_code": 2, "last_words": ("CUDA error: no device",)}
    )
    life = Life(manifest({"readinessProbe": http()}), (crash,)).until(34)
    ended = life.container()["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (2, "Error")
    said = life.pod.main[0].log(life.now, previous=True)
    assert said is not None
    assert [line.text for line in said] == [
        "loading model",
        "listening on 0.0.0.0:8080",
        "model loaded in 20 s",
        "CUDA error: no device",
    ]
    again = life.pod.main[0].log(life.now)
    assert again is not None
    assert [line.text for line in again][-1] == "listening on 0.0.0.0:8080"


def indexed(index: int, failures: int = 0) -> Json:
    pod = manifest(restartPolicy="Never")
    pod["metadata"]["annotations"] = {
        "batch.kubernetes.io/job-completion-index": str(index),
        "batch.kubernetes.io/job-index-failure-count": str(failures),
    }
    return pod


SHARDS = ServerModel(
    image="shop/sentiment",
    runs_for=10,
    index_failures=(IndexFailure(index=2, exit_code=42), IndexFailure(index=3, times=1)),
)


@pytest.mark.parametrize(
    ("index", "failures", "code"), [(0, 0, 0), (2, 0, 42), (2, 5, 42), (3, 0, 1), (3, 1, 0)]
)
def test_an_index_fails_as_its_model_says(index: int, failures: int, code: int) -> None:
    life = Life(indexed(index, failures), (SHARDS,)).until(100)
    assert life.container()["state"]["terminated"]["exitCode"] == code
    assert life.status["phase"] == ("Failed" if code else "Succeeded")


def deleted(pod: Json, grace: int = 30) -> Json:
    metadata = {**pod["metadata"], "deletionTimestamp": "t", "deletionGracePeriodSeconds": grace}
    return {**pod, "metadata": metadata}


@pytest.mark.parametrize(
    ("policy", "manner", "after", "code"),
    [
        ("Always", None, 2, 0),
        ("Always", "ignore", 30, 137),
        ("Never", None, 2, 143),
        ("OnFailure", "exit", 2, 0),
        ("Always", "die", 2, 143),
    ],
)
def test_signals(policy: str, manner: str | None, after: float, code: int) -> None:
    server = MODEL.model_copy(update={"sigterm": manner})
    pod = manifest(restartPolicy=policy)
    life = Life(pod, (server,)).until(50)
    life.change(deleted(pod))
    life.until(50 + after - 0.01)
    assert not life.pod.gone
    life.until(50 + after)
    assert life.pod.gone
    assert life.container()["state"]["terminated"]["exitCode"] == code
    assert life.status["phase"] == ("Failed" if code else "Succeeded")


def test_a_slow_drain_is_cut_short_by_its_grace() -> None:
    server = MODEL.model_copy(update={"stops_in": 60.0})
    pod = manifest()
    life = Life(pod, (server,)).until(50)
    life.change(deleted(pod, grace=10))
    assert life.until(60).pod.gone
    assert life.container()["state"]["terminated"]["exitCode"] == 137


def test_a_pods_active_deadline_ends_it() -> None:
    pod = manifest({"livenessProbe": http("/live")}, activeDeadlineSeconds=40)
    life = Life(pod).until(39)
    assert life.status["phase"] == "Running"
    life.until(42)
    assert life.status["phase"] == "Failed"
    assert life.status["reason"] == "DeadlineExceeded"
    assert life.said("DeadlineExceeded")
    restarts = life.container()["restartCount"]
    assert life.until(1e6).container()["restartCount"] == restarts


def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    pod = manifest(restartPolicy="Never", activeDeadlineSeconds=40)
    life = Life(pod, (ServerModel(image="shop/sentiment", runs_for=10),)).until(1000)
    assert life.status["phase"] == "Succeeded"
    assert "reason" not in life.status


runs = st.builds(
    Run,
    work=st.booleans(),
    restarts=st.integers(0, 4),
    index=st.one_of(st.none(), st.integers(0, 4)),
    failures_before=st.integers(0, 3),
    told=st.sampled_from(["", "abc"]),
)
servers = st.builds(
    ServerModel,
    image=st.just("x"),
    runs_for=st.one_of(st.none(), st.floats(0, 100)),
    exit_code=st.integers(0, 255),
    crash_after=st.one_of(st.none(), st.floats(0, 100)),
    crashes=st.one_of(st.none(), st.integers(1, 5)),
    expects=st.sampled_from([(), ("abc",)]),
    index_failures=st.sampled_from([(), (IndexFailure(index=1),)]),
)


@given(servers, runs)
def test_any_run_keeps_the_rules(server: ServerModel, run: Run) -> None:
    ending = planned(server, run)
    if ending is None:
        assert server.runs_for is None
        assert not run.work
        return
    assert ending.after >= 0
    assert (ending.reason == "Completed") == (ending.exit_code == 0)
    if server.crashes is not None and run.restarts + run.failures_before >= server.crashes:
        assert planned(server.model_copy(update={"crash_after": None}), run) == ending
