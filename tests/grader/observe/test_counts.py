"""Sums that a controller has not brought up to date show that it is late, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grader.observe.counts import miscounted
from grader.observe.settle import unsettled
from grader.observe.unheard import unheard
from tests.grader.observe.samples import a_pod, an_object, owned_by, state_of

Json = dict[str, Any]


def counted(replicas: int = 2) -> list[Json]:
    """A Deployment, its ReplicaSet, the Pods, a Service and its slice: all sums are right."""
    counts = {"replicas": replicas, "readyReplicas": replicas, "observedGeneration": 1}
    web = an_object("Deployment", "web", spec={"replicas": replicas}, status=dict(counts))
    rs = an_object("ReplicaSet", "web-1", metadata=owned_by(web), spec={}, status=dict(counts))
    pods = [a_pod(f"web-1-{n}", rs) for n in range(replicas)]
    service = an_object("Service", "web", spec={"selector": {"app": "web"}})
    labels = {"labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [
        {"conditions": {"ready": True}, "targetRef": {"uid": pod["metadata"]["uid"]}}
        for pod in pods
    ]
    piece = an_object("EndpointSlice", "web-abc", metadata=labels, endpoints=endpoints)
    return [web, rs, service, piece, *pods]


def unready(pod: Json) -> None:
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]


def test_right_sums() -> None:
    assert miscounted(state_of(*counted())) == ""
    assert miscounted({}) == ""


@pytest.mark.parametrize(
    ("change", "late"),
    [
        (lambda o: o[3]["endpoints"].pop(), "the endpoints controller, about the Pods of Service/"),
        (lambda o: o[1]["status"].update(readyReplicas=1), "the controller of ReplicaSet/web-1"),
        (lambda o: o[1]["status"].update(replicas=3), "the controller of ReplicaSet/web-1"),
        (lambda o: o[0]["status"].pop("readyReplicas"), "the controller of Deployment/web"),
        (lambda o: unready(o[4]), "the controller of ReplicaSet/web-1"),
    ],
)
def test_late_sums_are_told_and_silence_is_not_believed(
    change: Callable[[list[Json]], object], late: str
) -> None:
    objects = counted()
    change(objects)
    state = state_of(*objects)
    assert miscounted(state).startswith(late)
    assert unheard(state, simulated=True) == miscounted(state)


@pytest.mark.parametrize(
    "change",
    [
        lambda o: o[2]["spec"].update(type="ExternalName"),
        lambda o: o[2]["spec"].update(publishNotReadyAddresses=True),
        lambda o: o[2]["spec"].pop("selector"),
    ],
)
def test_services_that_nobody_counts_for(change: Callable[[list[Json]], object]) -> None:
    objects = counted()
    objects[3]["endpoints"] = []
    change(objects)
    assert miscounted(state_of(*objects)) == ""


def test_a_pod_that_has_ended_or_goes_is_in_no_sum() -> None:
    over = a_pod("web-1-old")
    over["status"]["phase"] = "Failed"
    going = a_pod("web-1-going", deletionTimestamp="2026-01-01T00:00:00Z")
    objects = counted()
    for pod in (over, going):
        pod["metadata"] |= owned_by(objects[1])
    assert miscounted(state_of(*objects, over, going)) == ""


# Quotas


def a_quota(used: Json, name: str = "team", **spec: Any) -> Json:
    hard = dict.fromkeys(used, "9")
    return an_object(
        "ResourceQuota", name, spec={"hard": hard, **spec}, status={"hard": hard, "used": used}
    )


def over(pod: Json) -> Json:
    pod["status"]["phase"] = "Succeeded"
    return pod


@pytest.mark.parametrize(
    ("used", "late"),
    [
        ({"pods": "2", "count/pods": "3"}, False),
        ({"pods": "1"}, True),
        ({"pods": "3"}, True),
        ({"count/pods": "2"}, True),
        ({"requests.cpu": "1"}, False),
    ],
)
def test_a_quota_counts_the_pods_that_are_there(used: Json, late: bool) -> None:
    pods = [a_pod("a"), a_pod("b"), over(a_pod("c")), a_pod("d", namespace="another")]
    state = state_of(a_quota(used), *pods)
    words = "the quota controller, about ResourceQuota/team"
    assert miscounted(state) == (words if late else "")
    assert [str(one) for one in unsettled(state) if "ResourceQuota" in one.text] == (
        [
            f"ResourceQuota/team: {next(iter(used.values()))} of {2 + ('count/pods' in used)} Pods"
            " are counted"
        ]
        if late
        else []
    )


def test_quotas_of_which_the_count_says_nothing() -> None:
    wrong = {"pods": "7"}
    assert miscounted(state_of(a_quota(wrong, scopes=["BestEffort"]), a_pod("a"))) == ""
    assert miscounted(state_of(a_quota(wrong, "mlk8s-limits"), a_pod("a"))) == ""
    going = a_pod("a", deletionTimestamp="2026-05-01T12:00:00Z")
    assert miscounted(state_of(a_quota(wrong), going)) == ""
