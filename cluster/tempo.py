"""Seconds that real controllers count, brought to the tempo of a simulated cluster.

Simulated containers live faster than life by the cluster's time factor, and so does everything a
kubelet counts: probes, grace, back-off, a Pod's active deadline. The controllers are real and
count real seconds. `at_tempo` rewrites those of their fields that hold durations, so that an HPA's
window of five minutes or a Job's deadline of an hour stands in the same proportion to the
containers' life as in a real cluster, and can be watched within seconds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

FIELDS: dict[str, tuple[str, ...]] = {
    "HorizontalPodAutoscaler": (
        "spec.behavior.scaleUp.stabilizationWindowSeconds",
        "spec.behavior.scaleUp.policies.*.periodSeconds",
        "spec.behavior.scaleDown.stabilizationWindowSeconds",
        "spec.behavior.scaleDown.policies.*.periodSeconds",
    ),
    "Job": ("spec.activeDeadlineSeconds", "spec.ttlSecondsAfterFinished"),
    "CronJob": (
        "spec.jobTemplate.spec.activeDeadlineSeconds",
        "spec.jobTemplate.spec.ttlSecondsAfterFinished",
    ),
    "Deployment": ("spec.minReadySeconds", "spec.progressDeadlineSeconds"),
    "StatefulSet": ("spec.minReadySeconds",),
    "DaemonSet": ("spec.minReadySeconds",),
}
"""Kind -> the paths of the durations that its controller counts in real seconds."""


def scaled(seconds: int, factor: float) -> int:
    """So many seconds at another tempo: whole ones, and never none where there were some."""
    return max(1, math.ceil(seconds * factor - 1e-9)) if seconds > 0 else seconds


SCALE_UP_POLICIES: tuple[Json, ...] = (
    {"type": "Pods", "value": 4, "periodSeconds": 15},
    {"type": "Percent", "value": 100, "periodSeconds": 15},
)
"""What the API server fills in where an HPA has a `behavior` without policies for scaling up."""


def completed(manifest: Json) -> Json:
    """A copy in which those durations are written out that the API server would fill in."""
    changed = copy.deepcopy(manifest)
    spec = changed.get("spec")
    behavior = spec.get("behavior") if isinstance(spec, dict) else None
    if changed.get("kind") == "HorizontalPodAutoscaler" and isinstance(behavior, dict):
        rules = behavior.get("scaleUp")
        if rules is None or isinstance(rules, dict):
            behavior["scaleUp"] = {"policies": copy.deepcopy([*SCALE_UP_POLICIES]), **(rules or {})}
    return changed


def at_tempo(manifest: Json, factor: float) -> Json:
    """A copy of an object whose controller's durations are multiplied by the time factor."""
    changed = copy.deepcopy(manifest)
    for path in FIELDS.get(str(manifest.get("kind")), ()):
        *parents, last = path.split(".")
        for holder in _reach(changed, parents):
            seconds = holder.get(last)
            if isinstance(seconds, int) and not isinstance(seconds, bool):
                holder[last] = scaled(seconds, factor)
    _keep_apart(changed)
    return changed


def _reach(value: Any, parents: list[str]) -> Iterator[Json]:
    """The mappings at a path; `*` stands for each item of a list."""
    if not parents:
        if isinstance(value, dict):
            yield value
        return
    head, *rest = parents
    if head == "*":
        for item in value if isinstance(value, list) else []:
            yield from _reach(item, rest)
    elif isinstance(value, dict):
        yield from _reach(value.get(head), rest)


def _keep_apart(manifest: Json) -> None:
    """A Deployment's deadline must stay longer than the time for which its Pods prove ready."""
    spec = manifest.get("spec")
    if manifest.get("kind") != "Deployment" or not isinstance(spec, dict):
        return
    deadline, proven = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds")
    if isinstance(deadline, int) and isinstance(proven, int) and deadline <= proven:
        spec["progressDeadlineSeconds"] = proven + 1
