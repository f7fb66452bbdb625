"""Whether right submissions find room on a machine, and what follows where they do not."""

from __future__ import annotations

from typing import Any

from cluster.model import DEFAULT_NODES, NodeSpec
from grader.observe.room import divisor, too_small

Json = dict[str, Any]
LAB = (NodeSpec(name="one", cpu="32", memory="256Gi"),)


def node(cpu: str = "2", memory: str = "8Gi", *taints: Json) -> Json:
    return {
        "kind": "Node",
        "spec": {"taints": list(taints)},
        "status": {"allocatable": {"cpu": cpu, "memory": memory}},
    }


CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
LAPTOP = [node("64", "512Gi", CONTROL_PLANE), node(), node()]


def pod_spec(cpu: Any, memory: Any = "64Mi", side: str = "requests") -> Json:
    return {"containers": [{"name": "a", "resources": {side: {"cpu": cpu, "memory": memory}}}]}


def deployment(replicas: Any, cpu: Any, memory: Any = "64Mi") -> Json:
    template = {"spec": pod_spec(cpu, memory)}
    return {"kind": "Deployment", "spec": {"replicas": replicas, "template": template}}


def test_what_fits_stays_as_it_is() -> None:
    assert divisor([deployment(2, "500m")], LAPTOP, LAB) == 1
    assert divisor([], LAPTOP, LAB) == 1
    assert divisor([deployment(2, "500m")], [], LAB) == 1


def test_what_is_larger_than_a_node_or_than_all_of_them_becomes_smaller() -> None:
    one = {"kind": "Job", "spec": {"template": {"spec": pod_spec("8", "48Gi", "limits")}}}
    by = divisor([one], LAPTOP, LAB)
    assert by >= 8 / 2
    assert by >= 48 / 8
    assert divisor([deployment(9, "1")], LAPTOP, LAB) >= 10 / 4


def test_what_is_too_large_for_the_labs_own_nodes_stays_so() -> None:
    by = divisor([deployment(1, "5000")], LAPTOP, LAB)
    assert 5000 / by > 4


def test_runs_that_share_the_machine_have_room_together() -> None:
    by = divisor([deployment(3, "500m")], LAPTOP, DEFAULT_NODES, at_once=24)
    assert 24 * 4 * 0.5 / by <= 4
    assert divisor([deployment(1, "10m")], LAPTOP, DEFAULT_NODES, at_once=24) == 1


def test_odd_manifests_break_nothing() -> None:
    odd: list[Json] = [
        {"kind": "Deployment"},
        {"kind": "Deployment", "spec": []},
        {"kind": "Pod", "spec": {"containers": "many"}},
        {"kind": "Pod", "spec": {"containers": [None, {"resources": {"requests": "all"}}]}},
        deployment("three", "lots", None),
        deployment(True, -1),
        {"kind": "CronJob", "spec": {"jobTemplate": 3}},
    ]
    assert divisor(odd, LAPTOP, LAB) == 1


def waiting(cpu: str, said: str) -> Json:
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": said}
    return {
        "metadata": {"name": "trainer"},
        "spec": pod_spec(cpu),
        "status": {"conditions": [condition]},
    }


SAID = "0/3 nodes are available: 2 Insufficient cpu."


def test_a_pod_that_the_labs_nodes_would_take_proves_nothing_on_a_small_machine() -> None:
    why = too_small([waiting("8", SAID)], LAPTOP, LAB, "mlk8s check 04")
    assert "Pod/trainer found no room" in why
    assert "largest node has 2 CPU" in why
    assert "`mlk8s check 04`" in why


def test_a_pod_that_no_node_of_the_lab_would_take_is_the_learners() -> None:
    assert not too_small([waiting("500", SAID)], LAPTOP, LAB, "x")


def test_other_reasons_for_pending_are_the_learners() -> None:
    said = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    assert not too_small([waiting("8", said)], LAPTOP, LAB, "x")
    gpu = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    assert not too_small([waiting("8", gpu)], LAPTOP, LAB, "x")


def test_a_machine_as_large_as_the_lab_excuses_nothing() -> None:
    large = [node("32", "256Gi")]
    assert not too_small([waiting("8", SAID)], large, LAB, "x")
