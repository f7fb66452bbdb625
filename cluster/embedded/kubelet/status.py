"""A Pod's status as a kubelet would report it, from the state of a simulated Pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.embedded.kubelet import images
from cluster.embedded.kubelet.containers import Container
from cluster.embedded.kubelet.facts import Ended
from cluster.embedded.kubelet.pods import DEADLINE_WORDS, Pod
from cluster.embedded.kubelet.starting import Phase

Json = dict[str, Any]
Stamp = Callable[[float], str]
"""Turns life time into an RFC 3339 time."""


def pod_status(pod: Pod, now: float, stamp: Stamp) -> Json:
    """The status to report. Also notes on the Pod when each condition changed."""
    status: Json = {
        "phase": pod.phase,
        "hostIP": pod.node.address,
        "hostIPs": [{"ip": pod.node.address}],
        "podIP": pod.ip,
        "podIPs": [{"ip": pod.ip}],
        "startTime": stamp(pod.created),
        "observedGeneration": pod.manifest["metadata"].get("generation", 1),
        "conditions": _conditions(pod, now, stamp),
        "containerStatuses": [container_status(c, stamp) for c in pod.main],
    }
    if pod.init:
        status["initContainerStatuses"] = [container_status(c, stamp) for c in pod.init]
    if pod.failed_for and pod.phase == "Failed":
        status["reason"], status["message"] = pod.failed_for, DEADLINE_WORDS
    return status


def container_status(container: Container, stamp: Stamp) -> Json:
    """The status of one container."""
    pulled = container.running or container.ended or container.last
    reference = images.parse(container.image)
    status: Json = {
        "name": container.name,
        "image": str(reference) if pulled else container.image,
        "imageID": reference.id if pulled else "",
        "ready": container.ready,
        "started": container.started,
        "restartCount": container.restarts,
        "state": _state(container, stamp),
        "lastState": {},
    }
    if container.running or container.ended:
        status["containerID"] = container.container_id
    elif container.last:
        status["containerID"] = container.last.container_id
    if container.last and "terminated" not in status["state"]:
        status["lastState"] = {"terminated": _terminated(container.last, stamp)}
    return status


def _state(container: Container, stamp: Stamp) -> Json:
    if container.running:
        return {"running": {"startedAt": stamp(container.started_at)}}
    if container.phase is Phase.TERMINATED and container.ended:
        return {"terminated": _terminated(container.ended, stamp)}
    if container.last and not container.reason:
        # Restarted at once: until it runs again a kubelet still shows how it ended.
        return {"terminated": _terminated(container.last, stamp)}
    waiting = {"reason": container.reason or "ContainerCreating"}
    if container.message:
        waiting["message"] = container.message
    return {"waiting": waiting}


def _terminated(ended: Ended, stamp: Stamp) -> Json:
    state: Json = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": stamp(ended.started),
        "finishedAt": stamp(ended.finished),
        "containerID": ended.container_id,
    }
    if ended.message:
        state["message"] = ended.message
    return state


def _conditions(pod: Pod, now: float, stamp: Stamp) -> list[Json]:
    finished = pod.phase in ("Succeeded", "Failed")
    containers_ready = pod.ready and not finished
    gates = _gates(pod)
    ready = containers_ready and not gates
    why: tuple[str, str] = ("", "")
    if pod.phase == "Succeeded":
        why = ("PodCompleted", "")
    elif pod.phase == "Failed":
        why = ("PodFailed", "")
    elif not containers_ready:
        names = " ".join(c.name for c in pod.main if not c.ready)
        why = ("ContainersNotReady", f"containers with unready status: [{names}]")
    gate_why = ("ReadinessGatesNotReady", f"corresponding condition of pod readiness gate {gates}")
    init_why = ("", "")
    if not pod.initialized:
        names = " ".join(c.name for c in pod.init if not (c.sidecar or c.done_well))
        init_why = ("ContainersNotInitialized", f"containers with incomplete status: [{names}]")
    has_sandbox = not finished and not pod.gone
    return [
        _condition(pod, "PodReadyToStartContainers", has_sandbox, ("", ""), now, stamp),
        _condition(pod, "Initialized", pod.initialized, init_why, now, stamp),
        _condition(pod, "ContainersReady", containers_ready, why, now, stamp),
        _condition(pod, "Ready", ready, why if not containers_ready else gate_why, now, stamp),
    ]


def _gates(pod: Pod) -> str:
    """The readiness gates that are not True yet, as text; empty where all are."""
    present = {
        c["type"]: c["status"] for c in (pod.manifest.get("status") or {}).get("conditions") or []
    }
    wanted = pod.manifest["spec"].get("readinessGates") or []
    names = [gate["conditionType"] for gate in wanted]
    return " ".join(f'"{name}" is not True' for name in names if present.get(name) != "True")


def _condition(
    pod: Pod, type_: str, true: bool, why: tuple[str, str], now: float, stamp: Stamp
) -> Json:
    word = "True" if true else "False"
    was, since = pod.changes.get(type_, ("", now))
    if was != word:
        since = now
        pod.changes[type_] = (word, now)
    condition: Json = {
        "type": type_,
        "status": word,
        "lastProbeTime": None,
        "lastTransitionTime": stamp(since),
        "observedGeneration": pod.manifest["metadata"].get("generation", 1),
    }
    # Always both: a merge by type would otherwise keep a reason that no longer holds.
    reason, message = ("", "") if true and type_ != "Initialized" else why
    condition["reason"], condition["message"] = reason or None, message or None
    return condition
