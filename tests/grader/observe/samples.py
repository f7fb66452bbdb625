"""Small objects and recordings for the tests of observing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.model import Capabilities
from grader.model.lab import Lab, LabFile
from grader.model.manifest import Manifest, Place, SourceFile, Submission
from grader.model.recording import Answer, Change, Gap, Log, Mark, Recording, Sample
from grader.observe.recorder import State
from grader.observe.watch import key_of

Json = dict[str, Any]


def a_lab(
    scenario: list[Any] | None = None, root: Path = Path("labs/02-a-lab"), **more: Any
) -> Lab:
    file = {
        "title": "A lab for the tests",
        "section": "02",
        "minutes": 10,
        "summary": "It proves that observing works as it should.",
        "namespaces": ("ml-serving",),
        "scenario": scenario or [{"apply": {}}],
        **more,
    }
    return Lab(id="02-a-lab", root=root, solution=root, file=LabFile.model_validate(file))


def a_manifest(value: Json, line: int = 1) -> Manifest:
    return Manifest(value, {}, Place("all.yaml", line))


def a_submission(*values: Json) -> Submission:
    manifests = tuple(a_manifest(value, 10 * n + 1) for n, value in enumerate(values))
    return Submission("alice", "0" * 64, manifests, (), (SourceFile("all.yaml", "kind: Pod\n"),))


def an_object(kind: str, name: str, version: int = 1, namespace: str = "ml", **more: Any) -> Json:
    metadata = {
        "name": name,
        "uid": f"uid-{kind}-{name}",
        "resourceVersion": str(version),
        "generation": 1,
    }
    if kind not in ("Node", "Namespace"):
        metadata["namespace"] = namespace
    metadata |= more.pop("metadata", {})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def owned_by(owner: Json) -> Json:
    reference = {"uid": owner["metadata"]["uid"], "kind": owner["kind"], "controller": True}
    return {"ownerReferences": [reference]}


def a_pod(name: str, owner: Json | None = None, ready: bool = True, **metadata: Any) -> Json:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    running = {"name": "main", "state": {"running": {}}, "restartCount": 0, "started": True}
    return an_object(
        "Pod",
        name,
        metadata={"labels": {"app": "web"}, **(owned_by(owner) if owner else {}), **metadata},
        spec={"nodeName": "n1", "containers": [{"name": "main", "image": "example.com/web:v1"}]},
        status={"phase": "Running", "conditions": conditions, "containerStatuses": [running]},
    )


def state_of(*objects: Json) -> State:
    state: State = {}
    for obj in objects:
        state.setdefault(obj["kind"], {})[key_of(obj)] = obj
    return state


def a_recording() -> Recording:
    pod = an_object("Pod", "web-1", 12)
    return Recording(
        lab="02-a-lab",
        lab_digest="1" * 64,
        submission="alice",
        submission_digest="0" * 64,
        provider="embedded",
        kubernetes="1.35.4",
        capabilities=Capabilities(control_plane="real", kubelet="simulated", time_factor=0.05),
        namespaces=("ml-serving", "ml-training"),
        started="2026-01-02T03:04:05.678+00:00",
        changes=[Change(0.1, 12, "added", pod), Change(0.2, 13, "deleted", pod)],
        marks=[
            Mark(0.0, 11, "apply", "apply", "begin"),
            Mark(1.0, 14, "apply", "apply", "end", "ok"),
        ],
        answers=[Answer(0.05, "apply", "apply", "Pod/web-1", 201, place="all.yaml:3")],
        logs=[Log(0.9, "web-1", "main", "höher\n")],
        gaps=[Gap(0.3, 0.4, "Pod")],
        samples=[Sample(0.5, "apply", "cpu", "Pod/web-1", "ml-serving", 0.25)],
        sources=[("all.yaml", "kind: Pod\n")],
        seconds=1.25,
    )
