"""Lab 14's clean-up on recordings: what the corpus of files cannot express."""

from __future__ import annotations

from typing import Any

import pytest

from grader.grading.grade import load
from grader.judge.case import Case
from grader.judge.run import judge
from grader.load.labs import find_lab
from grader.model.recording import Recording
from tests.grader.judge.build import Builder, pod, slice_of, thing

LAB = find_lab("14")


def namespace() -> Any:
    return {"kind": "Namespace", "metadata": {"name": "ml-k8s-lab", "uid": "uid-ns"}}


def played(pods_before_deletion: int) -> Recording:
    """The scenario of lab 14 with so many Pods Ready when the namespace was deleted."""
    made = Builder().begin("apply").change("added", namespace())
    for kind in ("Deployment", "Namespace", "ConfigMap", "Service"):
        made.answer(target=f"{kind}/mock-inference", step="apply")
    counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
    status = {"observedGeneration": 1, **dict.fromkeys(counts, 2)}
    deployment = thing("Deployment", "mock-inference", spec={"replicas": 2}, status=status)
    deployment["metadata"]["generation"] = 1
    made.change("added", deployment)
    made.change("added", thing("ReplicaSet", "rs", owner=("Deployment", "mock-inference")))
    pods = [pod(f"p{n}", owner=("ReplicaSet", "rs")) for n in range(pods_before_deletion)]
    for found in pods:
        made.change("added", found)
    names = [found["metadata"]["name"] for found in pods]
    made.change("added", slice_of("mock-inference", *names))
    made.end("apply").begin("predict").end("predict").begin("cleanup")
    made.change("deleted", slice_of("mock-inference", *names))
    for found in pods:
        made.change("deleted", found)
    made.change("deleted", thing("ReplicaSet", "rs", owner=("Deployment", "mock-inference")))
    made.change("deleted", thing("Deployment", "mock-inference"))
    made.change("deleted", namespace()).end("cleanup", "gone")
    made.recording.namespaces = ("ml-k8s-lab",)
    return made.recording


def verdicts(recording: Recording) -> dict[str, str]:
    submission = load(LAB, LAB.solution)
    result = judge(LAB, [Case("someone", submission, recording)])[0]
    return {check.id: check.status for check in result.checks}


def test_a_cleanup_after_the_workload_ran_is_proven() -> None:
    found = verdicts(played(2))
    assert (found["test_rollout_completes"], found["test_cleanup"]) == ("passed", "passed")


@pytest.mark.parametrize("pods", [0, 1])
def test_a_cleanup_before_anything_ran_proves_nothing(pods: int) -> None:
    found = verdicts(played(pods))
    assert found["test_rollout_completes"] == "failed"
    assert found["test_cleanup"] in ("failed", "blocked")


def test_a_namespace_that_stays_is_no_cleanup() -> None:
    recording = played(2)
    recording.changes = [
        change
        for change in recording.changes
        if not (change.verb == "deleted" and change.object["kind"] == "Namespace")
    ]
    assert verdicts(recording)["test_cleanup"] == "failed"


def test_something_left_behind_is_no_cleanup() -> None:
    recording = played(2)
    recording.changes = [
        change
        for change in recording.changes
        if not (change.verb == "deleted" and change.object["kind"] == "Deployment")
    ]
    assert verdicts(recording)["test_cleanup"] == "failed"
