"""Recordings made by hand, for tests of the picture."""

from __future__ import annotations

from typing import Any

from cluster.model import Capabilities
from grader.model.recording import Change, Mark, Recording

SPACE = "ml"


def recording(seconds: float = 10.0, **fields: Any) -> Recording:
    return Recording(
        lab="99-test",
        lab_digest="0" * 12,
        submission="someone",
        submission_digest="0" * 64,
        provider="embedded",
        kubernetes="v1.35.4",
        capabilities=Capabilities(
            control_plane="real", kubelet="simulated", load="simulated", time_factor=0.05
        ),
        namespaces=(SPACE,),
        started="2026-01-01T00:00:00Z",
        seconds=seconds,
        **fields,
    )


class Play:
    """Writes changes at given seconds; each takes the next resourceVersion."""

    def __init__(self, seconds: float = 10.0, **fields: Any) -> None:
        self.recording = recording(seconds, **fields)
        self._version = 0

    def see(self, at: float, found: dict[str, Any], verb: str = "modified") -> Play:
        self._version += 1
        self.recording.changes.append(Change(at, self._version, verb, found))  # type: ignore[arg-type]
        return self

    def step(self, name: str, begin: float, end: float, note: str = "settled") -> Play:
        self._version += 1
        marks = self.recording.marks
        marks.append(Mark(begin, self._version, name, "apply", "begin"))
        marks.append(Mark(end, self._version, name, "apply", "end", note))
        return self


def thing(kind: str, name: str, owner: tuple[str, str] | None = None, **rest: Any) -> Any:
    metadata: dict[str, Any] = {"name": name, "namespace": SPACE, "uid": f"{kind}-{name}"}
    metadata.update(rest.pop("metadata", {}))
    if owner:
        kind_above, above = owner
        metadata["ownerReferences"] = [
            {"kind": kind_above, "name": above, "uid": f"{kind_above}-{above}", "controller": True}
        ]
    return {"kind": kind, "metadata": metadata, **rest}


def deployment(replicas: int = 2, name: str = "web") -> Any:
    return thing("Deployment", name, spec={"replicas": replicas})


def replica_set(name: str = "web-1", of: str = "web") -> Any:
    return thing("ReplicaSet", name, owner=("Deployment", of), spec={"replicas": 2})


def pod(
    name: str,
    *,
    owner: tuple[str, str] | None = ("ReplicaSet", "web-1"),
    ready: bool | None = None,
    phase: str = "Running",
    node: str = "cpu-worker-1",
    image: str = "registry.example.com/web:v1",
    deleting: bool = False,
    **status: Any,
) -> Any:
    conditions = [] if ready is None else [{"type": "Ready", "status": str(ready)}]
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    spec: dict[str, Any] = {"containers": [{"name": "server", "image": image}]}
    if node:
        spec["nodeName"] = node
    return thing(
        "Pod",
        name,
        owner,
        metadata=metadata,
        spec=spec,
        status={"phase": phase, "conditions": conditions, **status},
    )


def crashed(code: int = 137, reason: str = "OOMKilled", restarts: int = 1) -> dict[str, Any]:
    """The fields of a status in which the container waits after a bad run."""
    return {
        "containerStatuses": [
            {
                "name": "server",
                "restartCount": restarts,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": code, "reason": reason}},
            }
        ]
    }


def endpoints(service: str, *pods: str) -> Any:
    return thing(
        "EndpointSlice",
        f"{service}-abc",
        metadata={"labels": {"kubernetes.io/service-name": service}},
        endpoints=[
            {
                "addresses": [f"10.0.0.{place}"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": name},
            }
            for place, name in enumerate(pods)
        ],
    )


def event(about: str, reason: str, message: str = "so it is", name: str = "") -> Any:
    kind, _, other = about.partition("/")
    return thing(
        "Event",
        name or f"{other}.{reason}",
        reason=reason,
        message=message,
        involvedObject={"kind": kind, "name": other},
    )


def rollout() -> Recording:
    """Two replicas that roll from v1 to v2; one endpoint for a while, and every kind of mark."""
    play = Play(10.0)
    play.step("apply", 0.5, 2.0).step("roll", 4.0, 9.0)
    play.see(0.5, deployment(), "added").see(0.5, replica_set(), "added")
    play.see(0.6, thing("Service", "web"), "added")
    for place in (1, 2):
        play.see(0.7, pod(f"web-1-{place}", node="", phase="Pending"), "added")
        play.see(0.8, pod(f"web-1-{place}", phase="Pending"))
        play.see(2.0, pod(f"web-1-{place}", ready=True))
    play.see(2.0, endpoints("web", "web-1-1", "web-1-2"), "added")
    play.see(4.1, replica_set("web-2"), "added")
    new = {"owner": ("ReplicaSet", "web-2"), "image": "registry.example.com/web:v2"}
    play.see(4.2, pod("web-2-1", **new, ready=False), "added")
    play.see(4.3, event("Pod/web-1-1", "Killing", "Stopping container server"), "added")
    play.see(4.3, pod("web-1-1", deleting=True))
    play.see(4.4, endpoints("web", "web-1-2"))
    play.see(4.6, event("Pod/web-2-1", "Unhealthy", "Readiness probe failed: 503"), "added")
    play.see(5.0, pod("web-1-1", deleting=True), "deleted")
    play.see(7.0, pod("web-2-1", **new, ready=True))
    play.see(7.0, endpoints("web", "web-1-2", "web-2-1"))
    play.see(7.5, pod("web-2-1", **new, ready=False, **crashed()))
    play.see(8.0, pod("web-2-2", **new, node="", phase="Pending"), "added")
    play.see(8.1, event("Pod/web-2-2", "FailedScheduling", "0/3 nodes"), "added")
    play.see(8.2, event("Deployment/web", "ScalingReplicaSet", "Scaled up"), "added")
    return play.recording
