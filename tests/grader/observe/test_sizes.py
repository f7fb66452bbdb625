"""Amounts made smaller for a small machine, and given back as the learner wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.model import NodeSpec
from grader.model.quantity import quantity
from grader.observe.sizes import Sizes

Json = dict[str, Any]
NODES = (NodeSpec(name="gpu-worker", cpu="64", memory="512Gi"),)


def pod(requests: Json | None = None, limits: Json | None = None) -> Json:
    resources = {"requests": requests or {}, "limits": limits or {}}
    return {"kind": "Pod", "spec": {"containers": [{"name": "a", "resources": resources}]}}


def resources(obj: Json) -> Json:
    found: Json = obj["spec"]["containers"][0]["resources"]
    return found


def test_cpu_and_memory_become_smaller_by_one_factor_and_the_rest_stays() -> None:
    sizes = Sizes(40)
    sent = sizes.to_real(pod(limits={"cpu": "8", "memory": "48Gi", "nvidia.com/gpu": 1}))
    limits = resources(sent)["limits"]
    assert quantity(limits["cpu"]) == quantity("200m")
    assert 0 <= quantity(limits["memory"]).value - quantity("48Gi").value / 40 < 1
    assert limits["nvidia.com/gpu"] == 1


@pytest.mark.parametrize("cpu", ["8", "8000m", 8, "0.05", "1.5", "4"])
@pytest.mark.parametrize("memory", ["48Gi", "49152Mi", "8G", "1000000001", "64Mi"])
def test_what_comes_back_is_what_was_written(cpu: Any, memory: str) -> None:
    sizes = Sizes(40)
    sent = sizes.to_real(pod({"cpu": cpu, "memory": memory}))
    back = resources(sizes.back(sent))["requests"]
    assert quantity(back["cpu"]) == quantity(cpu)
    assert quantity(back["memory"]) == quantity(memory)


def test_the_order_of_amounts_is_kept_also_where_they_are_small() -> None:
    sizes = Sizes(1000)
    texts = ["300m", "60m", "50m", "2", "1m", "70m"]
    sizes.learn(pod({"cpu": text}) for text in texts)
    small = {}
    for text in texts:
        sent = resources(sizes.to_real(pod({"cpu": text})))["requests"]["cpu"]
        small[quantity(text).value] = quantity(sent).value
        assert resources(sizes.back(pod({"cpu": sent})))["requests"]["cpu"] == text
    ordered = [small[value] for value in sorted(small)]
    assert ordered == sorted(set(ordered))


def test_what_a_process_needs_to_run_at_all_is_left() -> None:
    limits = resources(Sizes(100).to_real(pod(limits={"memory": "64Mi", "cpu": "10m"})))["limits"]
    assert quantity(limits["memory"]) == quantity("24Mi")
    assert quantity(limits["cpu"]) == quantity("10m")


@pytest.mark.parametrize("wrong", ["8 Gi", "", None, True, -1, "many", "0"])
def test_what_is_no_amount_goes_to_the_api_server_as_it_is(wrong: Any) -> None:
    sent = Sizes(40).to_real(pod({"memory": wrong}))
    assert resources(sent)["requests"]["memory"] is wrong


def test_quotas_ranges_and_autoscalers_follow() -> None:
    sizes = Sizes(10)
    quota = {
        "kind": "ResourceQuota",
        "spec": {"hard": {"requests.cpu": "40", "limits.memory": "320Gi", "pods": "80"}},
    }
    hard = sizes.to_real(quota)["spec"]["hard"]
    assert quantity(hard["requests.cpu"]) == quantity("4")
    assert quantity(hard["limits.memory"]) == quantity("32Gi")
    assert hard["pods"] == "80"
    used = {"kind": "ResourceQuota", "status": {"used": {"requests.cpu": "150m"}}}
    assert sizes.back(used)["status"]["used"]["requests.cpu"] == "1500m"
    target = {"type": "AverageValue", "averageValue": "500m"}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    scaler = {"kind": "HorizontalPodAutoscaler", "spec": {"metrics": [metric]}}
    sent = sizes.to_real(scaler)["spec"]["metrics"][0]["resource"]["target"]
    assert sent["averageValue"] == "50m"


def test_a_config_map_is_no_place_of_amounts() -> None:
    found = {"kind": "ConfigMap", "data": {"limits": {"cpu": "8"}}}
    assert Sizes(40).to_real(found) == found
    labelled = {"kind": "Pod", "metadata": {"labels": {"cpu": "8"}}, "spec": {"containers": []}}
    assert Sizes(40).to_real(labelled) == labelled


def test_a_node_has_the_size_that_the_lab_gives_it() -> None:
    node = {
        "kind": "Node",
        "metadata": {"name": "gpu-worker"},
        "status": {"allocatable": {"cpu": "1610m", "memory": "13438158Ki", "nvidia.com/gpu": "1"}},
    }
    assert Sizes(40, NODES).back(node)["status"]["allocatable"] == {
        "cpu": "64",
        "memory": "512Gi",
        "nvidia.com/gpu": "1",
    }


def test_messages_have_the_learners_amounts() -> None:
    sizes = Sizes(10)
    sizes.learn([pod({"cpu": "8", "memory": "1Gi"})])
    said = (
        "exceeded quota: q, requested: requests.cpu=800m,pods=1, used: requests.cpu=3, "
        "limited: requests.cpu=4; must be less than or equal to cpu limit of 800m"
    )
    assert sizes.text_back(said) == (
        "exceeded quota: q, requested: requests.cpu=8,pods=1, used: requests.cpu=30, "
        "limited: requests.cpu=40; must be less than or equal to cpu limit of 8"
    )


def test_nothing_happens_on_a_machine_that_is_large_enough() -> None:
    sizes = Sizes()
    original = pod({"cpu": "8"})
    assert sizes.to_real(original) is original
    assert sizes.back(original) is original
    assert sizes.text_back("cpu=8") == "cpu=8"
    assert sizes.factor == 1.0
