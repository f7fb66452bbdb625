"""The metrics APIs without a network: selectors, load, usage, and the objects that are answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.embedded.metrics import answers
from cluster.embedded.metrics.load import Load, Queue, decode, encode
from cluster.embedded.metrics.register import objects
from cluster.embedded.metrics.selectors import matches
from cluster.embedded.metrics.usage import Use, pod_use, shares
from cluster.model import Memory

from .life import MODEL, Json, Life, http, manifest

MI = 2**20


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app=api", False),
        ("app!=api", True),
        ("other!=x", True),
        ("app in (api, web)", True),
        ("app in (api)", False),
        ("app notin (api,db)", True),
        ("other notin (x)", True),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("!app", False),
        ("app=web,tier in (a,b),!other", True),
        ("app=web,tier in (a,c)", False),
        ("empty=", True),
    ],
)
def test_selectors(selector: str, selected: bool) -> None:
    assert matches(selector, {"app": "web", "tier": "b", "empty": ""}) is selected


@pytest.mark.parametrize("selector", ["app=(", "a b", ",", "app in web"])
def test_no_selectors(selector: str) -> None:
    with pytest.raises(ValueError, match="not a label selector"):
        matches(selector, {})


def test_a_load_survives_being_stored() -> None:
    load = Load().with_rate("web", 10).with_rate("api", 1).with_rate("web", 20)
    load = load.with_queue(Queue(metric="q", value=1)).with_queue(Queue(metric="q", value=2))
    load = load.with_queue(Queue(metric="q", labels={"a": "b"}, value=3))
    assert decode(encode(load)) == load
    assert load.services == {"web": 20, "api": 1}
    assert [(q.labels, q.value) for q in load.queues] == [({}, 2), ({"a": "b"}, 3)]
    assert load.with_rate("web", 0).services == {"api": 1}
    assert decode({}) == Load()


def slices(service: str, ready: list[str], unready: tuple[str, ...] = ()) -> Json:
    def endpoint(name: str, is_ready: bool) -> Json:
        return {"conditions": {"ready": is_ready}, "targetRef": {"kind": "Pod", "name": name}}

    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": [*(endpoint(n, True) for n in ready), *(endpoint(n, False) for n in unready)],
    }


@given(
    rate=st.floats(0.1, 10_000),
    pods=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True),
    cut=st.integers(0, 8),
)
def test_a_rate_is_shared_out_whole_and_evenly(rate: float, pods: list[str], cut: int) -> None:
    # Two slices of one Service may overlap for a moment while Pods move between them.
    found = shares({"web": rate}, [slices("web", pods[:cut], ("x",)), slices("web", pods)])
    assert set(found) == set(pods)
    assert sum(found.values()) == pytest.approx(rate)
    assert len(set(found.values())) == 1


def test_a_pod_of_two_services_gets_both_shares() -> None:
    found = shares(
        {"web": 10, "canary": 2, "gone": 5}, [slices("web", ["a", "b"]), slices("canary", ["b"])]
    )
    assert found == {"a": 5, "b": 7}


BUSY = MODEL.model_copy(
    update={
        "cpu_per_request": 10.0,
        "cpu_idle": 20.0,
        "memory": Memory(load="1500Mi", rest="900Mi", first_batch=10, per_item="5Mi", batch=4),
    }
)


def use(life: Life, rate: float = 0.0) -> dict[str, Use] | None:
    return pod_use(life.pod, life.now, rate)


def test_usage_in_the_course_of_a_life() -> None:
    life = Life(manifest({"readinessProbe": http()}), (BUSY,))
    assert use(life) is None
    assert use(life.until(2.5 + 9), 5) == {"c": Use(20, 750 * MI)}
    assert use(life.until(2.5 + 19), 5) == {"c": Use(20, 1500 * MI)}
    assert use(life.until(2.5 + 21), 5) == {"c": Use(70, 900 * MI)}
    assert use(life.until(2.5 + 31), 5) == {"c": Use(70, 920 * MI)}


def test_limits_bound_the_usage() -> None:
    limits = {"resources": {"limits": {"cpu": "50m", "memory": "8Mi"}}}
    life = Life(manifest(limits), (MODEL.model_copy(update={"cpu_per_request": 10.0}),)).until(50)
    assert use(life, 1000) == {"c": Use(50, 8 * MI)}


def test_a_pod_with_a_container_that_does_not_run_has_no_usage() -> None:
    life = Life(manifest({}, {"image": "nobody/knows"}), (BUSY,)).until(50)
    assert use(life) is None


def test_sidecars_count_and_finished_init_containers_do_not() -> None:
    init: list[Json] = [
        {"name": "i", "image": "shop/sentiment:v1"},
        {"name": "s", "image": "shop/sentiment:v1", "restartPolicy": "Always"},
    ]
    life = Life(manifest(initContainers=init), (BUSY,)).until(60)
    assert set(use(life) or {}) == {"s", "c"}


def test_the_objects_of_the_resource_metrics_api() -> None:
    pod: Json = {"metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"a": "b"}}}
    at = "2026-01-01T00:00:00.000000Z"
    item = answers.pod_metrics(pod, {"c": Use(320.5, 900 * MI)}, at)
    assert item == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "p", "namespace": "ns", "labels": {"a": "b"}},
        "timestamp": at,
        "window": "1s",
        "containers": [{"name": "c", "usage": {"cpu": "320500000n", "memory": "943718400"}}],
    }
    assert answers.listing("PodMetrics", [item], "a=b")["items"] == [item]
    assert answers.listing("PodMetrics", [item], "a=c")["items"] == []


def test_external_metrics_are_chosen_by_labels() -> None:
    queues = (
        Queue(metric="length", labels={"queue": "a"}, value=4.5),
        Queue(metric="length", labels={"queue": "b"}, value=7),
        Queue(metric="age", value=1),
    )

    def values(selector: str) -> list[Any]:
        found = answers.external("length", queues, selector, "t")
        return [item["value"] for item in found["items"]]

    assert values("queue=a") == ["4500m"]
    assert values("") == ["4500m", "7000m"]
    assert values("queue=c") == []
    listed = answers.resources("external.metrics.k8s.io", queues)
    assert [resource["name"] for resource in listed["resources"]] == ["age", "length"]


def test_the_api_services_point_to_the_port() -> None:
    found = objects(12345, "now")
    services = [o for o in found.values() if o["kind"] == "APIService"]
    assert {o["metadata"]["name"] for o in services} == {
        "v1beta1.metrics.k8s.io",
        "v1beta1.external.metrics.k8s.io",
    }
    assert {o["spec"]["service"]["port"] for o in services} == {12345}
