"""What HorizontalPodAutoscalers say of themselves, and whether they have looked at all.

An autoscaler that has nothing to do is as silent as one that is dead. So before a cluster with
autoscalers under load counts as settled, their controller must have asked for their metrics once
more after the last change, and again after that: by the second time, whatever the first one led to
has been written. A simulated cluster counts those questions; on a real one only time can tell.
"""

from __future__ import annotations

import time
from typing import Any

from cluster.tempo import scaled
from grader.errors import MachineError
from grader.model.recording import Object
from grader.observe.recorder import State
from grader.observe.signs import await_simulation, shows_signs, signs
from grader.observe.stage import Stage

Json = dict[str, Any]

STALE = 0.3
"""Seconds after a change for which measured values may still be those from before it."""
LOOKS_REAL = 60.0
"""Seconds that real metrics and a real autoscaler may take to notice a change: metrics every 15,
a look every 15, and one more to see what came of it."""
_LISTED = ("Resource", "ContainerResource", "External")
_OUR_METRICS = tuple(f"FailedGet{kind}Metric" for kind in _LISTED)
_HOLDING = {"ScaleUpStabilized": "scaleUp", "ScaleDownStabilized": "scaleDown"}
_LIMITED = {"ScaleUpLimit": "scaleUp", "ScaleDownLimit": "scaleDown"}


def scalers(state: State) -> list[Object]:
    """All autoscalers that are not being deleted."""
    found = state.get("HorizontalPodAutoscaler", {}).values()
    return [scaler for scaler in found if not scaler["metadata"].get("deletionTimestamp")]


def unfinished(scaler: Object, state: State, loaded: bool = True) -> str:
    """What an autoscaler is still about to do; empty where it has come to rest.

    Its stabilization window counts only once there was load (`loaded`): until then it would only
    take away what the submission asks for, minutes later.
    """
    status, reasons = scaler.get("status") or {}, _reasons(scaler)
    if not reasons:
        return "its controller has not seen it"
    active = reasons.get("ScalingActive", ("", ""))
    replicas = _target_replicas(scaler, state)
    if active == ("False", "ScalingDisabled"):
        return "its controller has not seen its target's replicas" if replicas else ""
    if reasons.get("AbleToScale") == ("False", "FailedGetScale"):
        return "its controller has not seen its target" if replicas is not None else ""
    if not active[0]:
        # It has moved its target within the bounds, or nothing yet: the metrics come next.
        return "its controller has not asked for its metrics yet"
    if active[0] != "True":
        return ""
    wish = status.get("desiredReplicas")
    if wish is not None and wish != status.get("currentReplicas", 0):
        return f"is scaling to {wish}"
    if replicas is not None and status.get("currentReplicas", 0) != replicas:
        return "its controller has not seen its target's replicas"
    if loaded and _held(scaler, reasons):
        return "waits for its stabilization window"
    if _limited(scaler, reasons):
        return "waits for the period of its policy"
    return ""


def silence(scaler: Object, factor: float, tempo: float) -> float:
    """Seconds for which an autoscaler may have nothing to say while it waits for a window."""
    reasons = _reasons(scaler)
    held = _held(scaler, reasons)
    limited = _limited(scaler, reasons)
    seconds = 0.0
    if held:
        seconds = window(scaler, held, factor, tempo)
    if limited:
        periods = [int(p.get("periodSeconds") or 0) for p in _policies(scaler, limited)]
        seconds = max([seconds, *(scaled(period, tempo) for period in periods)])
    return seconds


def window(scaler: Object, direction: str, factor: float, tempo: float) -> float:
    """Seconds of an autoscaler's stabilization window as they pass on this cluster."""
    written = _behavior(scaler, direction).get("stabilizationWindowSeconds")
    usual = 300 * factor if direction == "scaleDown" else 0.0
    return usual if written is None else scaled(int(written), tempo)


def lookups(scaler: Object) -> int:
    """How many questions each look of the controller asks about this autoscaler."""
    reasons = _reasons(scaler)
    active, why = reasons.get("ScalingActive", ("", ""))
    if active != "True" and why not in _OUR_METRICS:
        return 0
    metrics = (scaler.get("spec") or {}).get("metrics") or [{"type": "Resource"}]
    return sum(1 for metric in metrics if metric.get("type") in _LISTED)


class Looks:
    """Whether the controller has looked twice since the last change, for one settling.

    A look counts from the moment in which its question came: one that is being answered while
    something changes may show what was before, however late its answer is.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._counted = shows_signs(stage)
        self._change, self._known = -1.0, 0.0

    def done(self, last_change: float) -> bool:
        """Ask once. Raises MachineError for a controller that has stopped to look."""
        with self._stage.recorder.changed:
            asking = [n for scaler in scalers(self._stage.recorder.state) if (n := lookups(scaler))]
        now = time.monotonic()
        if not asking or not self._stage.loaded:
            return True  # without load what an autoscaler has said once remains true
        if not self._counted:
            return now - last_change >= LOOKS_REAL
        if now - last_change < STALE:
            return False
        if last_change != self._change:
            # Until the simulation knows the change itself, it measures what was before.
            await_simulation(self._stage)
            self._change, self._known = last_change, time.monotonic()
            return False
        # Two looks, of the one that asks most, by as many as ask about different things.
        often = [n for n in self._count() if n >= 2 * max(asking)]
        if len(often) >= len(asking):
            return True
        if now - self._known > _UNHEARD:
            raise MachineError(
                "Nothing was heard of the controller of autoscalers: the cluster is too slow or "
                "broken."
            )
        return False

    def _count(self) -> list[int]:
        """How often each question came since the simulation knows of the last change."""
        found: list[int] = []
        for namespace in self._stage.isolation.names.real:
            span = time.monotonic() - self._known
            looked = signs(self._stage, namespace).get("looked") or {}
            found += [sum(1 for age in ages if age < span) for ages in looked.values()]
        return found


_UNHEARD = 30.0


def _reasons(scaler: Object) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {
        str(c.get("type")): (str(c.get("status")), str(c.get("reason")))
        for c in (scaler.get("status") or {}).get("conditions") or []
    }


def _target_replicas(scaler: Object, state: State) -> int | None:
    """Wanted replicas of the target; None where it is not there."""
    reference = (scaler.get("spec") or {}).get("scaleTargetRef") or {}
    key = (str(scaler["metadata"].get("namespace")), str(reference.get("name")))
    target = state.get(str(reference.get("kind")), {}).get(key)
    return None if target is None else int((target.get("spec") or {}).get("replicas", 1))


def _held(scaler: Object, reasons: dict[str, tuple[str, str]]) -> str:
    """The direction in which a stabilization window holds back; empty where none does.

    A wish beyond the bounds is held back too, but nothing would come of it.
    """
    direction = _HOLDING.get(reasons.get("AbleToScale", ("", ""))[1], "")
    spec, now = scaler.get("spec") or {}, (scaler.get("status") or {}).get("currentReplicas", 0)
    if direction == "scaleDown" and now <= (spec.get("minReplicas") or 1):
        return ""
    if direction == "scaleUp" and now >= (spec.get("maxReplicas") or now):
        return ""
    return direction


def _limited(scaler: Object, reasons: dict[str, tuple[str, str]]) -> str:
    """The direction whose policy holds the replicas back for now; empty where none does."""
    direction = _LIMITED.get(reasons.get("ScalingLimited", ("", ""))[1], "")
    if not direction or _behavior(scaler, direction).get("selectPolicy") == "Disabled":
        return ""
    return direction


def _behavior(scaler: Object, direction: str) -> Json:
    found: Json = ((scaler.get("spec") or {}).get("behavior") or {}).get(direction) or {}
    return found


def _policies(scaler: Object, direction: str) -> list[Json]:
    found: list[Json] = _behavior(scaler, direction).get("policies") or []
    return found
