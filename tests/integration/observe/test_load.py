"""Load on Services and queues: the real autoscaler, the formula, and when it has come to rest."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus, ServerModel
from grader.model.recording import Recording
from grader.observe import observe
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission
from tests.integration.observe.workload import NAMESPACE, SERVICE, SPACE, deployment, notes

pytestmark = pytest.mark.embedded

Json = dict[str, Any]
IMAGE = "registry.example.com/loaded"
SERVER = ServerModel(
    image=IMAGE, port=8000, load=2, ready=("/ready",), cpu_idle=20, cpu_per_request=10
)
IN_WEB = {"service": "web"}


@pytest.fixture
def loaded(observed_cluster: ClusterStatus) -> ClusterStatus:
    EmbeddedProvider().teach(observed_cluster.name, (SERVER,))
    return observed_cluster


def a_server(**more: Any) -> Json:
    resources = {"requests": {"cpu": "500m", "memory": "64Mi"}}
    return deployment(image=f"{IMAGE}:v1", resources=resources, **more)


def a_scaler(metric: Json | None = None, least: int = 2, most: int = 8, **more: Any) -> Json:
    target = {"type": "Utilization", "averageUtilization": 65}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [metric or cpu],
            **more,
        },
    }


def replicas_after(recording: Recording) -> dict[str, int]:
    """Wanted replicas of the Deployment at the end of each step."""
    found = {}
    for mark in recording.marks:
        if mark.phase == "end":
            for change in recording.changes:
                if change.object["kind"] == "Deployment" and change.version <= mark.version:
                    found[mark.step] = change.object["spec"]["replicas"]
    return found


def play(session: Session, scaler: Json, *scenario: Any, **more: Any) -> Recording:
    lab = a_lab(["apply", *scenario], servers=(SERVER,))
    submission = a_submission(NAMESPACE, a_server(**more), SERVICE, scaler)
    return observe(lab, submission, session.cluster, session=session)


def test_replicas_follow_the_load_as_the_formula_says(
    loaded: ClusterStatus, session: Session
) -> None:
    recording = play(
        session,
        a_scaler(),
        {"load": {**IN_WEB, "rate": 61}, "as": "steady"},
        {"load": {**IN_WEB, "rate": 122}, "as": "double"},
        {"load": {**IN_WEB, "rate": 1000}, "as": "flood"},
        {"load": {**IN_WEB, "rate": 0}, "as": "night"},
    )
    assert recording.complete, recording.fault
    assert [note for _, note in notes(recording)] == ["settled"] * 5, recording.marks
    # ceil((2 * 20 + 610) / 325) = 2; ceil((2 * 20 + 1220) / 325) = 4; then the bounds.
    assert replicas_after(recording) == {
        "apply": 2,
        "steady": 2,
        "double": 4,
        "flood": 8,
        "night": 2,
    }
    loads = [(a.step, a.verb, a.target, a.code) for a in recording.answers[4:]]
    assert loads[0] == ("steady", "load", "Service/web", 200)
    rates = [(s.step, s.object, s.value) for s in recording.samples if s.series == "rate"]
    assert rates == [
        ("steady", "Service/web", 61.0),
        ("double", "Service/web", 122.0),
        ("flood", "Service/web", 1000.0),
        ("night", "Service/web", 0.0),
    ]
    cpu = [sample for sample in recording.samples if sample.series == "cpu"]
    assert {sample.namespace for sample in cpu} == {SPACE}
    assert 0.325 in {sample.value for sample in cpu}
    assert {sample.value for sample in cpu if sample.step == "apply"} <= {0.02}


def test_a_window_is_waited_for_at_the_clusters_tempo(
    loaded: ClusterStatus, session: Session
) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 120}}
    recording = play(
        session,
        a_scaler(behavior=behavior),
        {"load": {**IN_WEB, "rate": 122}},
        {"load": {**IN_WEB, "rate": 0}, "as": "fall"},
    )
    assert replicas_after(recording) == {"apply": 2, "load": 4, "fall": 2}
    assert notes(recording)[-1] == ("fall", "settled")
    shown = [c.object["spec"] for c in recording.changes if c.object["kind"].startswith("Horiz")]
    windows = {s["behavior"]["scaleDown"]["stabilizationWindowSeconds"] for s in shown}
    assert windows == {120}
    assert {p["periodSeconds"] for s in shown for p in s["behavior"]["scaleUp"]["policies"]} == {15}


def test_a_queue_drives_an_external_metric(loaded: ClusterStatus, session: Session) -> None:
    labels = {"queue": "embeddings"}
    metric = {
        "type": "External",
        "external": {
            "metric": {"name": "queue_length", "selector": {"matchLabels": labels}},
            "target": {"type": "AverageValue", "averageValue": "10"},
        },
    }
    recording = play(
        session,
        a_scaler(metric),
        {"queue": {"metric": "queue_length", "value": 38, "labels": labels}},
        {"queue": {"metric": "queue_length", "value": 8, "labels": labels}, "as": "short"},
    )
    assert replicas_after(recording) == {"apply": 2, "queue": 4, "short": 2}
    queues = [(s.object, s.value) for s in recording.samples if s.series == "queue"]
    assert queues == [
        ("queue_length{queue=embeddings}", 38.0),
        ("queue_length{queue=embeddings}", 8.0),
    ]


def test_an_autoscaler_without_requests_has_nothing_to_say(
    loaded: ClusterStatus, session: Session
) -> None:
    bare = deployment(image=f"{IMAGE}:v1")
    lab = a_lab(["apply", {"load": {**IN_WEB, "rate": 500}}], servers=(SERVER,))
    submission = a_submission(NAMESPACE, bare, SERVICE, a_scaler())
    recording = observe(lab, submission, session.cluster, session=session)
    assert replicas_after(recording) == {"apply": 2, "load": 2}
    assert [note for _, note in notes(recording)] == ["settled", "settled"]


def test_a_load_on_no_service_is_refused(loaded: ClusterStatus, session: Session) -> None:
    recording = play(session, a_scaler(), {"load": {"service": "other", "rate": 5}})
    assert (recording.answers[-1].verb, recording.answers[-1].code) == ("load", 404)
    assert not [sample for sample in recording.samples if sample.series == "rate"]
