"""Whether the controller of autoscalers looked often enough for what it did to say anything.

An autoscaler keeps its wishes for the length of its stabilization window and follows the highest.
On a machine so busy that it looks more rarely than that, there is nothing to keep: replicas fall
at once, whatever window is declared. To call that the submission's mistake would be a wrong
verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from grader.errors import MachineError
from grader.model.recording import Change, Object
from grader.observe.autoscaling import window
from grader.observe.signs import shows_signs, signs
from grader.observe.stage import Stage

SLACK = 1.0
"""Seconds by which a look may have been written down later than it was."""
LEAST = 4.0
"""Windows shorter than this are none to a controller that looks every second, and promise less."""


def prove_attentive(stage: Stage, since: float) -> None:
    """Raise MachineError if replicas fell since then (seconds of the recording), no window was
    seen to hold them, and the controller looked too rarely to have held them."""
    if not stage.loaded or not shows_signs(stage):
        return
    with stage.recorder.changed:
        changes, now = list(stage.recorder.changes), stage.recorder.clock()
    fallen = fallen_at_once(changes, since)
    if not fallen:
        return
    capabilities = stage.capabilities
    for namespace in stage.isolation.names.real:
        gap = longest_gap(signs(stage, namespace).get("looked") or {}, now - since)
        for scaler in fallen:
            length = window(scaler, "scaleDown", capabilities.time_factor, stage.tempo)
            if length and gap + SLACK >= max(length, LEAST):
                name = f"HorizontalPodAutoscaler/{scaler['metadata']['name']}"
                raise MachineError(
                    f"This machine is too slow, or too busy, for the window of {name}: its "
                    f"controller did not look for {gap:.0f} s, longer than the window is here "
                    f"({length:.0f} s).",
                    "Play it again with fewer programs or submissions at a time.",
                )


def fallen_at_once(changes: Iterable[Change], since: float) -> list[Object]:
    """Autoscalers that took replicas away since then and at no time said that a window holds."""
    wishes: dict[str, int] = {}
    fallen: dict[str, Object] = {}
    held: set[str] = set()
    for change in changes:
        obj = change.object
        if obj.get("kind") != "HorizontalPodAutoscaler":
            continue
        uid, status = str(obj["metadata"].get("uid")), obj.get("status") or {}
        wish = int(status.get("desiredReplicas") or 0)
        if change.at >= since:
            if _says(status, "ScaleDownStabilized"):
                held.add(uid)
            if wish < wishes.get(uid, 0):
                fallen[uid] = obj
        wishes[uid] = wish
    return [obj for uid, obj in fallen.items() if uid not in held]


def _says(status: Mapping[str, Any], reason: str) -> bool:
    return any(c.get("reason") == reason for c in status.get("conditions") or [])


def longest_gap(looked: Mapping[str, Sequence[float]], span: float) -> float:
    """The longest time in seconds between two looks in a row, the later one of which was in the
    last `span` seconds. `looked` has the ages of the looks of each kind, the oldest first."""
    return max(
        (
            before - after
            for ages in looked.values()
            for before, after in pairwise(ages)
            if after <= span
        ),
        default=0.0,
    )
