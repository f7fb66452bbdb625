from __future__ import annotations

import copy
from typing import Any

import pytest

from grader.observe.tempo import WRITTEN, as_written, to_cluster

Json = dict[str, Any]


def an_object(kind: str, spec: Json, **metadata: Any) -> Json:
    return {"kind": kind, "metadata": {"name": "x", **metadata}, "spec": spec}


HPA = {
    "maxReplicas": 6,
    "behavior": {
        "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [
                {"type": "Pods", "value": 1, "periodSeconds": 60},
                {"type": "Percent", "value": 10, "periodSeconds": 15},
            ],
        },
    },
}
WRITTEN_OBJECTS = [
    an_object("Deployment", {"minReadySeconds": 30, "progressDeadlineSeconds": 600}),
    an_object("Deployment", {"minReadySeconds": 30}, annotations={"team": "search"}),
    an_object("HorizontalPodAutoscaler", HPA),
    an_object("Job", {"activeDeadlineSeconds": 3600, "ttlSecondsAfterFinished": 0}),
    an_object("CronJob", {"jobTemplate": {"spec": {"activeDeadlineSeconds": 600}}}),
]


@pytest.mark.parametrize("written", WRITTEN_OBJECTS, ids=lambda found: found["kind"])
def test_the_cluster_gets_scaled_numbers_and_the_recording_the_written_ones(written: Json) -> None:
    before = copy.deepcopy(written)
    sent = to_cluster(written, 0.05)
    assert written == before
    assert sent["spec"] != written["spec"]
    stored = copy.deepcopy(sent)
    shown = as_written(stored)
    assert stored == sent
    if written["kind"] == "CronJob":
        assert shown["spec"]["jobTemplate"].pop("metadata") == {}
    assert shown == written


def test_what_needs_no_scaling_is_sent_as_it_is() -> None:
    service = an_object("Service", {"ports": [{"port": 80}]})
    plain = an_object("Deployment", {"replicas": 2, "minReadySeconds": 0})
    assert to_cluster(service, 0.05) is service
    assert to_cluster(plain, 0.05) is plain
    assert to_cluster(WRITTEN_OBJECTS[0], 1.0) is WRITTEN_OBJECTS[0]


def test_numbers_are_scaled() -> None:
    spec = to_cluster(an_object("HorizontalPodAutoscaler", HPA), 0.05)["spec"]
    down = spec["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 15
    assert [policy["periodSeconds"] for policy in down["policies"]] == [3, 1]


def test_a_period_that_the_api_server_would_fill_in_is_scaled_too() -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    sent = to_cluster(an_object("HorizontalPodAutoscaler", {"behavior": behavior}), 0.05)
    policies = sent["spec"]["behavior"]["scaleUp"]["policies"]
    assert [(p["type"], p["periodSeconds"]) for p in policies] == [("Pods", 1), ("Percent", 1)]
    shown = as_written(sent)["spec"]["behavior"]["scaleUp"]["policies"]
    assert [policy["periodSeconds"] for policy in shown] == [15, 15]
    plain = an_object("HorizontalPodAutoscaler", {"maxReplicas": 3})
    assert to_cluster(plain, 0.05) is plain


def test_replica_sets_and_jobs_show_what_was_written_for_their_owner() -> None:
    deployment = to_cluster(WRITTEN_OBJECTS[0], 0.05)
    notes = deployment["metadata"]["annotations"]
    replica_set = an_object("ReplicaSet", {"replicas": 2, "minReadySeconds": 2}, annotations=notes)
    assert as_written(replica_set)["spec"] == {"replicas": 2, "minReadySeconds": 30}
    template = to_cluster(WRITTEN_OBJECTS[-1], 0.05)["spec"]["jobTemplate"]
    job = {"kind": "Job", "metadata": template["metadata"], "spec": template["spec"]}
    assert as_written(job)["spec"] == {"activeDeadlineSeconds": 600}
    assert "annotations" not in as_written(job)["metadata"]


def test_a_number_that_somebody_else_has_set_is_shown_as_it_is() -> None:
    sent = to_cluster(WRITTEN_OBJECTS[0], 0.05)
    sent["spec"]["minReadySeconds"] = 7
    shown = as_written(sent)["spec"]
    assert shown == {"minReadySeconds": 7, "progressDeadlineSeconds": 600}


@pytest.mark.parametrize("text", ["", "{", "[1]", '[["spec"]]', '[[["a", "b"], 1, 2]]'])
def test_an_annotation_that_makes_no_sense_changes_nothing(text: str) -> None:
    found = an_object("Deployment", {"minReadySeconds": 7}, annotations={WRITTEN: text})
    assert as_written(found) == an_object("Deployment", {"minReadySeconds": 7})
