"""Series of a recording as moments: what was measured, and what was put there."""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby

from grader.errors import CourseError
from grader.judge.language.state import History
from grader.judge.language.timeline import Moment
from grader.model.recording import Sample

Values = dict[str, float]
MEASURED, PUT = ("cpu", "memory"), ("rate", "queue")


def moments_of(
    history: History, series: str, of: str | None, namespace: str | None
) -> list[Moment[Values]]:
    """The values by name whenever they were measured or put there.

    What is measured is measured for all Pods at once: one that is missing had no value. What was
    put there stays until it is changed.
    """
    if series not in (*MEASURED, *PUT):
        raise CourseError(f"there is no series {series!r}; there are {', '.join(MEASURED + PUT)}")
    chosen = [
        sample
        for sample in history.recording.samples
        if sample.series == series and namespace in (None, sample.namespace)
    ]
    pods = history.pods_ever(of) if of is not None else set()
    moments: list[Moment[Values]] = []
    now: dict[str, Values] = {}
    for (at, space), group in groupby(chosen, key=lambda s: (s.at, s.namespace)):
        values = {_name(s): s.value for s in group if of is None or _is_of(s, of, pods)}
        now[space] = values if series in MEASURED else {**now.get(space, {}), **values}
        moments.append(Moment(at, _version(history, at), _together(now, series)))
    return moments


def _is_of(sample: Sample, of: str, pods: set[tuple[str, str]]) -> bool:
    return sample.object == of or (sample.namespace, sample.object) in pods


def _name(sample: Sample) -> str:
    return sample.object.removeprefix("Pod/").removeprefix("Service/")


def _together(now: dict[str, Values], series: str) -> Values:
    found: Values = {}
    for values in now.values():
        if twice := found.keys() & values.keys():
            name = min(twice)
            raise CourseError(f"{series} of {name} is in several namespaces: say which with inside")
        found |= values
    return found


def _version(history: History, at: float) -> int:
    """The version of the last change that was seen by then."""
    index = bisect_right(history.seen_at, (at, float("inf")))
    return history.seen_at[index - 1][1] if index else 0
