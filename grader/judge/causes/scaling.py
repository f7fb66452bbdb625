"""Autoscalers that cannot compute: what the HPA controller says of its metrics."""

from __future__ import annotations

from collections.abc import Iterator

from grader.judge.causes.cause import Cause
from grader.judge.causes.scene import Scene, namespace_of, title
from grader.judge.language.state import condition
from grader.model.recording import Object

_FIELD = "spec.metrics"


def blind(scene: Scene, scaler: Object) -> Iterator[Cause]:
    """An autoscaler whose controller finds no metric to go by, or nothing to scale."""
    name, place = scaler["metadata"]["name"], (title(scaler), namespace_of(scaler))
    able, active = condition(scaler, "AbleToScale"), condition(scaler, "ScalingActive")
    if able and able.get("status") == "False":
        what = f"HorizontalPodAutoscaler {name} finds nothing to scale"
        at = scene.since_condition(scaler, "AbleToScale")
        said, field = str(able.get("message") or ""), "spec.scaleTargetRef"
        yield Cause("metrics", *place, field, what, said, "condition AbleToScale", at)
    elif active and active.get("status") == "False" and active.get("reason") != "ScalingDisabled":
        what = f"HorizontalPodAutoscaler {name} cannot compute its metric"
        at = scene.since_condition(scaler, "ScalingActive")
        said = str(active.get("message") or "")
        yield Cause("metrics", *place, _FIELD, what, said, "condition ScalingActive", at)
