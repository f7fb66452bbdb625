"""One Pod at one moment: its state in a word, its version, and what broke in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grader.report.timeline.story import PodState

Object = dict[str, Any]

_HELD_BACK = re.compile(
    r"CrashLoopBackOff|ErrImage\w*|ImagePullBackOff|InvalidImageName|CreateContainer\w*Error"
    r"|RunContainerError"
)


def part(found: Any, *path: str) -> Object:
    """The mapping at `path`, {} where there is none."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def entries(found: Any, key: str) -> list[Object]:
    """The list of mappings under `key`, [] where there is none."""
    value = found.get(key) if isinstance(found, dict) else None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def state_of(pod: Object, was_ready: bool) -> tuple[PodState, str]:
    """State and Kubernetes' reason for it. `was_ready` tells losing readiness from starting."""
    phase, held = part(pod, "status").get("phase"), _held_back(pod)
    if part(pod, "metadata").get("deletionTimestamp"):
        return "terminating", ""
    if phase == "Succeeded":
        return "succeeded", ""
    if phase == "Failed":
        return "failed", str(part(pod, "status").get("reason") or "")
    if not part(pod, "spec").get("nodeName"):
        return "waiting", str(_condition(pod, "PodScheduled").get("reason") or "")
    if held:
        return "failing", held
    if _condition(pod, "Ready").get("status") == "True":
        return "ready", ""
    return ("unready" if was_ready else "starting"), _waits_for(pod)


def version_of(pod: Object) -> str:
    """The image tag of the first container; the beginning of its digest where it has no tag."""
    containers = entries(part(pod, "spec"), "containers")
    image = str(containers[0].get("image") or "") if containers else ""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest.rpartition(":")[2][:8] or ("latest" if image else "")


def statuses(pod: Object) -> list[Object]:
    """Statuses of init containers and containers."""
    status = part(pod, "status")
    return entries(status, "initContainerStatuses") + entries(status, "containerStatuses")


def restarts(pod: Object) -> int:
    """Restarts of all containers together."""
    counts = [entry.get("restartCount") for entry in statuses(pod)]
    return sum(count for count in counts if isinstance(count, int))


def broken_runs(pod: Object) -> Iterator[tuple[str, str, str]]:
    """Each run of a container that ended badly, as far as the status still tells: key, reason
    ("OOMKilled", "Error") and sentence. The key names the run, so that it is told once."""
    for entry in statuses(pod):
        count = entry.get("restartCount")
        count = count if isinstance(count, int) else 0
        for past, key in (("state", count), ("lastState", count - 1)):
            ended = part(entry, past, "terminated")
            code = ended.get("exitCode")
            if not isinstance(code, int) or code == 0:
                continue
            name, reason = str(entry.get("name") or "?"), str(ended.get("reason") or "Error")
            yield f"{name}/{key}", reason, f"container {name} ended with exit code {code}"


def _held_back(pod: Object) -> str:
    for entry in statuses(pod):
        reason = str(part(entry, "state", "waiting").get("reason") or "")
        if _HELD_BACK.fullmatch(reason):
            return reason
        ended = part(entry, "state", "terminated")
        if isinstance(ended.get("exitCode"), int) and ended["exitCode"] != 0:
            return str(ended.get("reason") or "Error")
    return ""


def _waits_for(pod: Object) -> str:
    for entry in statuses(pod):
        reason = str(part(entry, "state", "waiting").get("reason") or "")
        if reason:
            return reason
    return ""


def _condition(pod: Object, kind: str) -> Object:
    for entry in entries(part(pod, "status"), "conditions"):
        if entry.get("type") == kind:
            return entry
    return {}
