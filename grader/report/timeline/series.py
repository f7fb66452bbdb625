"""Measured values of a recording, gathered by workload, with the target of an autoscaler."""

from __future__ import annotations

from math import isfinite

from grader.model.quantity import quantity
from grader.model.recording import Recording
from grader.report.timeline.pods import Object, entries, part
from grader.report.timeline.story import Series, Workload

_FLAT = 0.05
_ORDER = {"rate": 0, "queue": 1, "cpu": 2, "memory": 3}


def series_of(recording: Recording, workloads: list[Workload]) -> list[Series]:
    """The samples, one `Series` for each kind of value and workload. No samples: an empty list."""
    owner = {(w.namespace, f"Pod/{lane.name}"): w.ref for w in workloads for lane in w.pods}
    found: dict[tuple[str, str, str], Series] = {}
    for sample in sorted(recording.samples, key=lambda sample: sample.at):
        if not isfinite(sample.value):
            continue
        of = owner.get((sample.namespace, sample.object), sample.object)
        key = (sample.namespace, sample.series, of)
        series = found.setdefault(key, Series(sample.namespace, sample.series, of))
        series.curves.setdefault(sample.object, []).append((max(sample.at, 0.0), sample.value))
    for series in found.values():
        if series.series == "cpu":
            series.target = _cpu_target(recording, series)
    told = [series for series in found.values() if _says_something(series)]
    return sorted(told, key=lambda s: (_ORDER.get(s.series, 9), s.namespace, s.of))


def _says_something(series: Series) -> bool:
    """Usage that never moves, of a workload that nobody scales, is not worth a row."""
    if series.target or series.series in ("rate", "queue"):
        return True
    values = [value for curve in series.curves.values() for _, value in curve]
    return max(values) - min(values) > _FLAT * max(values)


def _cpu_target(recording: Recording, series: Series) -> float | None:
    """Cores at which the autoscaler of this workload holds each Pod: its target times the
    requests of a Pod, as both were when last seen."""
    percent, request = None, None
    for change in recording.changes:
        found = change.object
        if part(found, "metadata").get("namespace") != series.namespace:
            continue
        if found.get("kind") == "HorizontalPodAutoscaler":
            aim = part(found, "spec", "scaleTargetRef")
            if f"{aim.get('kind')}/{aim.get('name')}" == series.of:
                percent = _percent(part(found, "spec")) or percent
        elif found.get("kind") == "Pod" and _pod_ref(found) in series.curves:
            request = _request(part(found, "spec")) or request
    return percent / 100 * request if percent and request else None


def _pod_ref(pod: Object) -> str:
    return f"Pod/{part(pod, 'metadata').get('name')}"


def _percent(spec: Object) -> float | None:
    for metric in entries(spec, "metrics"):
        resource = part(metric, "resource")
        value = part(resource, "target").get("averageUtilization")
        if resource.get("name") == "cpu" and isinstance(value, int):
            return float(value)
    value = spec.get("targetCPUUtilizationPercentage")
    return float(value) if isinstance(value, int) else None


def _request(spec: Object) -> float | None:
    total = 0.0
    for container in entries(spec, "containers"):
        value = part(container, "resources", "requests").get("cpu")
        try:
            total += float(quantity(str(value)).value)
        except (ValueError, ArithmeticError):
            return None
    return total or None
