"""Small recordings made by hand, for tests of the language."""

from __future__ import annotations

from typing import Any

from cluster.model import Capabilities
from grader.judge.language.span import RecordingView
from grader.model.recording import Answer, Change, Gap, Mark, Recording


class Builder:
    """Writes a recording entry by entry; each takes the next second and resourceVersion."""

    def __init__(self, **capabilities: Any) -> None:
        chosen = {"control_plane": "real", "kubelet": "simulated", "time_factor": 0.05}
        self.recording = Recording(
            lab="99-test",
            lab_digest="0" * 12,
            submission="someone",
            submission_digest="0" * 64,
            provider="embedded",
            kubernetes="v1.35.4",
            capabilities=Capabilities(**{**chosen, **capabilities}),
            namespaces=("ml",),
            started="2026-01-01T00:00:00Z",
        )
        self._version = 0

    def _next(self) -> tuple[float, int]:
        self._version += 1
        return float(self._version), self._version

    def change(self, verb: str, found: dict[str, Any]) -> Builder:
        self.recording.changes.append(Change(*self._next(), verb, found))  # type: ignore[arg-type]
        return self

    def begin(self, step: str) -> Builder:
        self.recording.marks.append(Mark(*self._next(), step, step, "begin"))
        return self

    def end(self, step: str, note: str = "settled") -> Builder:
        self.recording.marks.append(Mark(*self._next(), step, step, "end", note))
        return self

    def answer(self, **fields: Any) -> Builder:
        base = {"at": 0.0, "step": "apply", "verb": "apply", "target": "Service/web", "code": 201}
        self.recording.answers.append(Answer(**{**base, **fields}))
        return self

    def gap(self, kind: str, since: float, until: float) -> Builder:
        self.recording.gaps.append(Gap(since, until, kind))
        return self

    @property
    def view(self) -> RecordingView:
        return RecordingView(self.recording)


def thing(kind: str, name: str, *, owner: tuple[str, str] | None = None, **rest: Any) -> Any:
    """An object; `owner` is (kind, name) of its controller, whose uid is `uid-name`."""
    metadata: dict[str, Any] = {"name": name, "namespace": "ml", "uid": f"uid-{name}"}
    if owner:
        reference = {
            "kind": owner[0],
            "name": owner[1],
            "uid": f"uid-{owner[1]}",
            "controller": True,
        }
        metadata["ownerReferences"] = [reference]
    metadata.update(rest.pop("metadata", {}))
    return {"kind": kind, "metadata": metadata, **rest}


def pod(name: str, *, ready: bool = True, owner: tuple[str, str] | None = None, **rest: Any) -> Any:
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        **rest.pop("status", {}),
    }
    spec = {"nodeName": "cpu-worker-1", **rest.pop("spec", {})}
    return thing("Pod", name, owner=owner, status=status, spec=spec, **rest)


def slice_of(service: str, *pods: str, port: int = 8000) -> Any:
    endpoints = [
        {
            "addresses": [f"10.0.0.{place}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": name},
        }
        for place, name in enumerate(pods)
    ]
    labels = {"kubernetes.io/service-name": service}
    return thing(
        "EndpointSlice",
        f"{service}-abc",
        metadata={"labels": labels},
        ports=[{"port": port}],
        endpoints=endpoints,
    )


def event(about: str, reason: str, message: str) -> Any:
    kind, name = about.split("/")
    return thing(
        "Event",
        f"{name}.{reason}",
        reason=reason,
        message=message,
        involvedObject={"kind": kind, "name": name},
    )
