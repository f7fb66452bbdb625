"""A Pod in one word, as `kubectl get pods` prints it under STATUS and RESTARTS.

The rules are those of kubectl's own printer (kubernetes/pkg/printers/internalversion, printPod).
"""

from __future__ import annotations

from typing import Any

from grader.judge.language.state import is_ready
from grader.model.recording import Object

Json = dict[str, Any]


def state(pod: Object) -> str:
    """`Running`, `Init:CrashLoopBackOff`, `Completed`, …"""
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    usual = str(status.get("reason") or status.get("phase") or "Pending")
    return _init_state(pod) or _main_state(pod) or usual


def restarts(pod: Object) -> int:
    """How often containers were started again: of the init containers, as long as these run."""
    status = pod.get("status") or {}
    init = bool(_init_state(pod))
    told = status.get("initContainerStatuses" if init else "containerStatuses") or []
    return sum(int(entry.get("restartCount") or 0) for entry in told)


def _init_state(pod: Object) -> str:
    """What the first init container that is not done is at; empty once all of them are."""
    told = (pod.get("status") or {}).get("initContainerStatuses") or []
    specs = {c["name"]: c for c in (pod.get("spec") or {}).get("initContainers") or []}
    for number, entry in enumerate(told):
        now = entry.get("state") or {}
        ended, waiting = now.get("terminated"), now.get("waiting") or {}
        sidecar = (specs.get(entry["name"]) or {}).get("restartPolicy") == "Always"
        if (ended and not ended.get("exitCode")) or (sidecar and entry.get("started")):
            continue
        if ended:
            return f"Init:{_end(ended)}"
        reason = waiting.get("reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        scheduled = bool((pod.get("spec") or {}).get("nodeName"))
        return f"Init:{number}/{len(told)}" if scheduled else ""
    return ""


def _main_state(pod: Object) -> str:
    """The first container that waits or has ended says it, unless another one runs on."""
    word, running = "", False
    for entry in reversed((pod.get("status") or {}).get("containerStatuses") or []):
        now = entry.get("state") or {}
        if reason := (now.get("waiting") or {}).get("reason"):
            word = str(reason)
        elif ended := now.get("terminated"):
            word = _end(ended)
        elif "running" in now and entry.get("ready"):
            running = True
    if word == "Completed" and running:
        return "Running" if is_ready(pod) else "NotReady"
    return word


def _end(ended: Json) -> str:
    return str(ended.get("reason") or f"ExitCode:{ended.get('exitCode')}")
