"""The first cause comes first, and each is one sentence."""

from __future__ import annotations

from typing import Any

from grader.judge.language.causes import causes
from grader.judge.language.state import History
from tests.grader.judge.build import Builder, event, pod, thing


def chain(made: Builder) -> list[str]:
    return causes(History(made.recording))


def waiting(why: str, message: str = "", **last: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": "server",
        "state": {"waiting": {"reason": why, "message": message}},
        "restartCount": 3,
    }
    if last:
        entry["lastState"] = {"terminated": last}
    return {"containerStatuses": [entry]}


def service(**selector: str) -> Any:
    return thing("Service", "web", spec={"selector": selector})


def test_refusal_comes_first() -> None:
    made = Builder().answer(code=422, target="Deployment/web", message="no", place="d.yaml:3")
    made.change("added", service(app="web"))
    assert chain(made)[0] == "The API server refused Deployment/web (d.yaml:3): no"
    assert chain(made)[1].startswith("Service web selects")


def test_scheduler_speaks_for_itself() -> None:
    words = "0/3 nodes are available: 1 Insufficient nvidia.com/gpu."
    unscheduled = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": words}],
    }
    made = Builder().change("added", pod("a", ready=False, status=unscheduled))
    assert chain(made) == [f"Pod a is Pending, the scheduler says: {words}"]


def test_image_then_endpoints() -> None:
    made = Builder()
    made.change(
        "added",
        pod(
            "a",
            ready=False,
            metadata={"labels": {"app": "web"}},
            status=waiting("ImagePullBackOff", 'Back-off pulling image "x"'),
        ),
    )
    made.change("added", service(app="web"))
    first, second = chain(made)
    assert first == 'Container server of Pod a has no image: Back-off pulling image "x"'
    assert second == "Service web has no endpoints because none of its 1 Pods is Ready"


def test_memory_is_told_from_other_crashes() -> None:
    killed = waiting("CrashLoopBackOff", reason="OOMKilled", exitCode=137)
    assert (
        "more memory than its limit"
        in chain(Builder().change("added", pod("a", ready=False, status=killed)))[0]
    )
    crashed = waiting("CrashLoopBackOff", reason="Error", exitCode=1)
    assert (
        "exit code 1, 3 restarts"
        in chain(Builder().change("added", pod("a", ready=False, status=crashed)))[0]
    )


def test_probe_failure_is_taken_from_the_event() -> None:
    made = Builder().change("added", pod("a", ready=False))
    made.change("added", event("Pod/a", "Unhealthy", "Readiness probe failed: 404"))
    assert chain(made) == ["Pod a runs but is not Ready: Readiness probe failed: 404"]


def test_quota_stops_a_replica_set() -> None:
    made = Builder().change("added", thing("ReplicaSet", "web-1", spec={"replicas": 2}))
    made.change("added", event("ReplicaSet/web-1", "FailedCreate", "exceeded quota: ml"))
    assert chain(made) == ["ReplicaSet web-1 cannot create its Pods: exceeded quota: ml"]


def test_selector_drift_names_both_sides() -> None:
    made = Builder().change(
        "added", pod("a", metadata={"labels": {"app": "web", "pod-template-hash": "1"}})
    )
    made.change("added", service(app="wep"))
    assert chain(made) == [
        "Service web selects {app: wep}, which no Pod carries; Pods carry {app: web}"
    ]


def test_a_healthy_state_has_no_cause() -> None:
    made = Builder().change("added", pod("a"))
    made.change("added", pod("done", ready=False, status={"phase": "Succeeded", "conditions": []}))
    assert chain(made) == []
