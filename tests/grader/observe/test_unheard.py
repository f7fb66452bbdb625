"""Silence counts only where the one who is silent has looked."""

from __future__ import annotations

from typing import Any

import pytest

from grader.observe.unheard import unheard


def state(*objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in objects:
        metadata = one["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        found.setdefault(one["kind"], {})[key] = one
    return found


def thing(kind: str, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "x", "namespace": "ml", "generation": 2}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": status or {}}


NODE = {"kind": "Node", "metadata": {"name": "n"}}
SCHEDULED = {"conditions": [{"type": "PodScheduled", "status": "False"}]}


@pytest.mark.parametrize(
    ("objects", "component"),
    [
        ([thing("Deployment", {"observedGeneration": 1})], "controller of Deployment/x"),
        ([thing("StatefulSet")], "controller of StatefulSet/x"),
        ([thing("Job")], "controller of Job/x"),
        ([thing("Pod")], "the scheduler"),
        ([NODE, thing("Pod", nodeName="n")], "kubelet of n"),
        ([thing("Service", selector={"app": "x"})], "endpoints controller"),
        ([thing("PersistentVolumeClaim", {"phase": "Pending"})], "the volume controller"),
    ],
)
def test_nobody_has_looked(objects: list[dict[str, Any]], component: str) -> None:
    assert component in unheard(state(*objects), simulated=True)


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [thing("Deployment", {"observedGeneration": 2})],
        [thing("Job", suspend=True)],
        [thing("Job", managedBy="example.com/other")],
        [thing("Job", {"startTime": "2026-01-01T00:00:00Z"})],
        [thing("Pod", SCHEDULED)],
        [thing("Pod", schedulerName="other")],
        [thing("Pod", schedulingGates=[{"name": "wait"}])],
        [thing("Pod", nodeName="a-node-that-is-not-there")],
        [NODE, thing("Pod", {"containerStatuses": [{}]}, nodeName="n")],
        [thing("Service")],
        [thing("PersistentVolumeClaim", {"phase": "Bound"})],
        [thing("PersistentVolumeClaim", {"phase": "Pending"}, volumeName="of-nobody")],
        [
            thing("PersistentVolumeClaim", {"phase": "Pending"}),
            {**thing("Event"), "reason": "FailedBinding", "involvedObject": {"uid": None}},
        ],
    ],
)
def test_all_have_looked(objects: list[dict[str, Any]]) -> None:
    assert unheard(state(*objects), simulated=True) == ""


def test_a_real_kubelet_may_take_its_time() -> None:
    assert unheard(state(NODE, thing("Pod", nodeName="n")), simulated=False) == ""


def test_what_is_going_is_nobodys_business() -> None:
    going = thing("Deployment")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert unheard(state(going), simulated=True) == ""


def test_a_scheduler_that_waits_for_a_volume_has_looked() -> None:
    pod = thing("Pod", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "x"}}])
    claim = thing("PersistentVolumeClaim", {"phase": "Pending"})
    claim["metadata"]["uid"] = "uid-claim"
    assert unheard(state(pod, claim), simulated=True) == "the scheduler"
    claim["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": "n"}
    asked = unheard(state(pod, claim), simulated=True)
    assert asked == "the provisioner of PersistentVolumeClaim/x"
    refusal = {**thing("Event"), "reason": "ProvisioningFailed"}
    refusal["involvedObject"] = {"uid": "uid-claim"}
    assert unheard(state(pod, claim, refusal), simulated=True) == ""
    claim["status"]["phase"] = "Bound"
    assert unheard(state(pod, claim), simulated=True) == "the scheduler"


def test_a_claim_that_names_a_volume_which_is_there_will_be_bound() -> None:
    claim = thing("PersistentVolumeClaim", {"phase": "Pending"}, volumeName="models-abc234")
    assert unheard(state(claim), True, frozenset({"models-def567"})) == ""
    assert "the volume controller" in unheard(state(claim), True, frozenset({"models-abc234"}))


@pytest.mark.parametrize(
    ("free", "taken", "nominated", "silent"),
    [
        ("4", "3", "n", True),  # those that had to go for it are gone
        ("4", "3500m", "n", False),
        ("4", "3", "", False),  # nobody had to go: there is no room
        ("4", "3", "another", False),
    ],
)
def test_a_pod_for_which_room_was_made_is_looked_at_again(
    free: str, taken: str, nominated: str, silent: bool
) -> None:
    node = {**NODE, "status": {"allocatable": {"cpu": free, "memory": "8Gi"}}}
    wish = [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]
    waiting = thing("Pod", {**SCHEDULED, "nominatedNodeName": nominated}, containers=wish)
    other = thing("Pod", {"containerStatuses": [{}]}, nodeName="n")
    other["spec"]["containers"] = [{"name": "c", "resources": {"requests": {"cpu": taken}}}]
    other["metadata"]["name"] = "y"
    found = unheard(state(node, waiting, other), simulated=True)
    assert found.startswith("the scheduler, about Pod/x") is silent
    assert not unheard(state(node, waiting, other), simulated=False)
