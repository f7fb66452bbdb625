"""Steps of scenarios on real containers: what the simulated ones only pretend."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.model import ClusterStatus, ServerModel
from grader.model.recording import Recording
from grader.observe import observe
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission

pytestmark = [pytest.mark.kind, pytest.mark.slow]

Json = dict[str, Any]
SPACE = "ml-serving"
MODEL = "registry.example.com/sentiment-inference"
TRAINER = "registry.example.com/embedding-trainer"
SERVER = ServerModel(image=MODEL, port=8000, ready=("/ready",), live=("/live",))
NAMESPACE: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": SPACE},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
}


@pytest.fixture(scope="module")
def session(running: ClusterStatus) -> Iterator[Session]:
    with Session(running) as opened:
        yield opened


def container(image: str, **more: Any) -> Json:
    env = [
        {"name": "MODEL_LOAD_SECONDS", "value": "0"},
        {"name": "MODEL_CPU_MS", "value": "10"},
    ]
    return {"name": "server", "image": image, "imagePullPolicy": "IfNotPresent", "env": env, **more}


def deployment(**more: Any) -> Json:
    probe = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1}
    containers = [container(f"{MODEL}:v2.1.0", readinessProbe=probe, **more)]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": containers},
            },
        },
    }


def play(session: Session, steps: list[Any], *objects: Json) -> Recording:
    lab = a_lab(steps, servers=(SERVER,))
    recording = observe(lab, a_submission(NAMESPACE, *objects), session.cluster, session=session)
    assert recording.complete, recording.fault
    return recording


def seen(recording: Recording, kind: str) -> list[Json]:
    return [change.object for change in recording.changes if change.object["kind"] == kind]


def exit_codes(recording: Recording) -> list[int]:
    """How containers ended, each end once."""
    found = {}
    for pod in seen(recording, "Pod"):
        for entry in pod.get("status", {}).get("containerStatuses") or []:
            for state in (entry.get("state") or {}, entry.get("lastState") or {}):
                if end := state.get("terminated"):
                    found[end["containerID"]] = end["exitCode"]
    return list(found.values())


def test_requests_from_outside_and_from_inside_are_answered(session: Session) -> None:
    steps = [
        "apply",
        {"request": {"service": "web", "path": "/predict"}, "as": "outside"},
        {"request": {"service": "web", "path": "/predict", "inside": True}, "as": "inside"},
        {"request": {"service": "web", "path": "/none", "inside": True}, "as": "wrong-path"},
        {"request": {"service": "nobody", "inside": True}, "as": "nobody"},
    ]
    recording = play(session, steps, deployment(), SERVICE)
    said = {answer.step: answer for answer in recording.answers if answer.verb == "request"}
    assert json.loads(said["outside"].body)["label"] == "positive"
    assert said["inside"].body.strip() == said["outside"].body.strip()
    assert [said[step].code for step in ("outside", "inside", "wrong-path")] == [200, 200, 404]
    assert (said["nobody"].code, said["nobody"].reason) == (0, "NoAnswer")
    assert "resolve" in said["nobody"].message
    assert not [pod for pod in seen(recording, "Pod") if "visitor" in pod["metadata"]["name"]]
    assert not [event for event in seen(recording, "Event") if "visitor" in json.dumps(event)]


def test_a_killed_process_is_started_again_by_its_kubelet(session: Session) -> None:
    steps = ["apply", {"kill": {"of": "Deployment/web", "container": "server"}}]
    recording = play(session, steps, deployment())
    assert [answer.code for answer in recording.answers if answer.verb == "kill"] == [200]
    assert 137 in exit_codes(recording)
    status = seen(recording, "Pod")[-1]["status"]["containerStatuses"][0]
    assert (status["restartCount"], status["ready"]) == (1, True)


def test_a_trainer_ends_with_the_code_that_it_is_told(session: Session) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train", "namespace": SPACE},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [container(f"{TRAINER}:v1.8.0")],
                }
            },
        },
    }
    recording = play(session, ["apply", {"finish": {"of": "Job/train", "exit_code": 3}}], job)
    assert exit_codes(recording) == [3]
    assert seen(recording, "Job")[-1]["status"]["failed"] == 1


def a_scaler(window: int) -> Json:
    """Aims at 100m of CPU each; replicas go once `window` seconds have asked for fewer."""
    target = {"type": "Utilization", "averageUtilization": 100}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": window}},
        },
    }


def utilization(scaler: Json) -> int | None:
    """What an autoscaler has last measured, in percent; None before it has."""
    for metric in scaler.get("status", {}).get("currentMetrics") or []:
        current = (metric.get("resource") or {}).get("current") or {}
        if "averageUtilization" in current:
            return int(current["averageUtilization"])
    return None


def moves(recording: Recording) -> list[tuple[float, int]]:
    """When the Deployment was asked for another number of replicas, and for how many."""
    found: list[tuple[float, int]] = []
    for change in recording.changes:
        if change.object["kind"] == "Deployment":
            wanted = change.object["spec"]["replicas"]
            if not found or found[-1][1] != wanted:
                found.append((change.at, wanted))
    return found


def test_an_autoscaler_follows_real_requests(session: Session) -> None:
    """15 requests a second of 10 ms each are 150m of CPU and some more: two replicas of 100m.
    Twice as many are three at least, and three is the most that is allowed."""
    assert session.cluster.capabilities.load == "real", "the load generator's image is at hand"
    window = 20
    ready = {"object": "Deployment/web", "path": "status.readyReplicas", "within": 240}
    steps = [
        "apply",
        {"load": {"service": "web", "rate": 15, "settle": False}, "as": "steady"},
        {"wait-for": {**ready, "at_least": 2}, "as": "grown"},
        {"load": {"service": "web", "rate": 30, "settle": False}, "as": "double"},
        {"wait-for": {**ready, "at_least": 3}, "as": "full"},
        {"load": {"service": "web", "rate": 0, "settle": False}, "as": "calm"},
        {"wait-for": {**ready, "at_most": 1}, "as": "shrunk"},
    ]
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}
    recording = play(session, steps, deployment(resources=resources), SERVICE, a_scaler(window))
    ends = {mark.step: mark for mark in recording.marks if mark.phase == "end"}
    assert {ends[step].note for step in ("grown", "full", "shrunk")} == {"reached"}
    assert {replicas for _, replicas in moves(recording)} <= {1, 2, 3}
    first = next(
        found["status"]
        for found in seen(recording, "HorizontalPodAutoscaler")
        if (found["status"].get("desiredReplicas") or 0) > 1
    )
    measured = utilization({"status": first})
    assert measured is not None
    assert measured > 100
    # ceil(1 * measured / 100), where what is shown has been cut to a whole number.
    wanted = {min(3, math.ceil(value / 100)) for value in (measured, measured + 1)}
    assert first["desiredReplicas"] in wanted, first
    shrinks = [at for at, replicas in moves(recording) if at > ends["calm"].at and replicas < 3]
    assert shrinks
    assert shrinks[0] - ends["calm"].at >= window
