"""A small model server that is ready in a moment, and what the tests ask about recordings."""

from __future__ import annotations

import json
from typing import Any

from cluster.model import ServerModel
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording
from grader.observe.client import Api
from tests.grader.observe.samples import a_lab, a_submission

Json = dict[str, Any]

IMAGE = "registry.example.com/observed"
SERVER = ServerModel(
    image=IMAGE, tags=("v1", "v2"), port=8000, load=2, ready=("/ready",), live=("/live",)
)
SPACE = "ml-serving"
NAMESPACE: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": SPACE},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
}


def container(image: str = f"{IMAGE}:v1", path: str = "/ready", **more: Any) -> Json:
    probe = {"httpGet": {"path": path, "port": 8000}, "periodSeconds": 2}
    return {"name": "server", "image": image, "readinessProbe": probe, **more}


def deployment(name: str = "web", replicas: int = 2, **more: Any) -> Json:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container(**more)]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    }


def lab_with(*scenario: Any, **more: Any) -> Lab:
    return a_lab(list(scenario), servers=(SERVER,), **more)


def web(**more: Any) -> Submission:
    return a_submission(NAMESPACE, deployment(**more), SERVICE)


def notes(recording: Recording) -> list[tuple[str, str]]:
    return [(mark.step, mark.note) for mark in recording.marks if mark.phase == "end"]


def names(recording: Recording, kind: str) -> set[str]:
    objects = [change.object for change in recording.changes]
    return {obj["metadata"]["name"] for obj in objects if obj["kind"] == kind}


def as_text(recording: Recording) -> str:
    parts = [change.object for change in recording.changes]
    return json.dumps([parts, [str(answer) for answer in recording.answers]])


def runs_left(api: Api) -> list[str]:
    """Namespaces of runs that are not being deleted."""
    found = api.get("/api/v1/namespaces", labelSelector="mlk8s.dev/run").body["items"]
    return [
        item["metadata"]["name"] for item in found if not item["metadata"].get("deletionTimestamp")
    ]
