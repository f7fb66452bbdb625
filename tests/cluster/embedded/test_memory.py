"""OOMKilled: when a simulated container needs more than it may have."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.embedded.kubelet.memory import Need
from cluster.embedded.kubelet.references import Ref
from cluster.model import Memory, ServerModel

from .life import MODEL, Json, Life, http, manifest

MI = 2.0**20
HEAVY = MODEL.model_copy(
    update={"memory": Memory(load="1500Mi", rest="900Mi", per_item="10Mi", batch=8)}
)


def limited(memory: str, **more: object) -> Json:
    return {"resources": {"limits": {"memory": memory}}, **more}


def test_a_peak_above_the_limit_kills_again_and_again() -> None:
    life = Life(manifest(limited("1Gi", readinessProbe=http())), (HEAVY,)).until(200)
    ended = life.container()["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert life.container()["restartCount"] >= 2
    assert life.ready_since() is None
    assert life.status["phase"] == "Running"
    assert (
        life.reasons()
        == [
            "ContainerCreating",
            *["OOMKilled", "CrashLoopBackOff"] * (len(life.reasons()) // 2),
        ][: len(life.reasons())]
    )
    started = life.said("Started")[0][0]
    first_end = next(
        at for at, s in life.statuses if "terminated" in s["containerStatuses"][0]["state"]
    )
    assert first_end - started == pytest.approx(0.9 * 20)


@pytest.mark.parametrize("memory", ["1500Mi", "2Gi", "2"])
def test_enough_memory_is_enough(memory: str) -> None:
    pod = manifest(limited(memory, readinessProbe=http()))
    life = Life(pod, (HEAVY,)).until(1e6)
    fits = memory != "2"  # two bytes
    assert (life.ready_since() is not None) is fits


def test_without_a_limit_the_node_is_the_limit() -> None:
    assert Life(manifest({}), (HEAVY,)).until(1e6).container()["restartCount"] == 0
    small = Life(manifest({}), (HEAVY,), memory=1024 * MI).until(100)
    assert small.container()["lastState"]["terminated"]["reason"] == "OOMKilled"


def test_a_limit_of_the_whole_pod_counts_for_all_its_containers() -> None:
    whole = {"limits": {"memory": "2000Mi"}}
    assert Life(manifest({}, resources=whole), (HEAVY,)).until(1e6).container()["ready"]
    two = Life(manifest({}, {}, resources=whole), (HEAVY,)).until(100)
    assert two.container()["lastState"]["terminated"]["reason"] == "OOMKilled"


BATCHES = MODEL.model_copy(
    update={"memory": Memory(rest="900Mi", per_item="10Mi", batch=8, first_batch=30)}
)


@pytest.mark.parametrize(("batch", "killed"), [("8", False), ("12", False), ("13", True)])
def test_the_environment_sets_the_batch(batch: str, killed: bool) -> None:
    container = limited("1020Mi", env=[{"name": "BATCH_SIZE", "value": batch}])
    life = Life(manifest(container), (BATCHES,)).until(1000)
    assert bool(life.container()["lastState"]) is killed


def test_a_batch_from_a_config_map_counts_too() -> None:
    source = {"configMapRef": {"name": "serving"}}
    objects = {Ref("ConfigMap", "serving"): {"data": {"BATCH_SIZE": "64"}}}
    container = limited("1Gi", envFrom=[source], readinessProbe=http())
    life = Life(manifest(container), (BATCHES,), objects).until(51)
    assert life.status["containerStatuses"][0]["ready"]
    life.until(60)
    assert life.reasons()[-2:] == ["ContainerCreating", "OOMKilled"]
    # Mended, it is read again at the next start.
    objects[Ref("ConfigMap", "serving")] = {"data": {"BATCH_SIZE": "4"}}
    restarts = life.until(1000).container()["restartCount"]
    assert life.ready_since() is not None
    assert life.until(1e6).container()["restartCount"] == restarts


def test_a_leak_kills_later() -> None:
    leaky = MODEL.model_copy(update={"memory": Memory(rest="900Mi", leak_per_minute="10Mi")})
    life = Life(manifest(limited("1000Mi")), (leaky,)).until(550)
    assert life.container()["restartCount"] == 0
    life.until(700)
    assert life.container()["lastState"]["terminated"]["reason"] == "OOMKilled"


@given(
    load=st.integers(0, 4000),
    rest=st.integers(0, 4000),
    item=st.integers(0, 100),
    batch=st.integers(0, 64),
    first=st.sampled_from([0.0, 30.0]),
    room=st.integers(1, 8000),
)
def test_killed_exactly_if_the_need_ever_exceeds_the_room(
    load: int, rest: int, item: int, batch: int, first: float, room: int
) -> None:
    memory = Memory(load=f"{load}Mi", rest=f"{rest}Mi", per_item=f"{item}Mi", first_batch=first)
    server = ServerModel(image="x", load=20, memory=memory)
    need = Need.of(server, {"BATCH_SIZE": str(batch)})
    assert need is not None
    highest = max(need.at(age / 4) for age in range(400))
    killed = need.exceeds_at(room * MI)
    assert (killed is not None) == (highest > room * MI)
    if killed is not None and first == 0.0:
        assert killed < 20  # it never gets ready


def test_undeclared_memory_never_kills() -> None:
    assert Need.of(MODEL, {}) is None
    assert Life(manifest(limited("1")), (MODEL,)).until(1e6).container()["restartCount"] == 0
    assert math.isinf(Life(manifest({}), (MODEL,)).until(100).pod.next_at)
