"""The seconds that controllers count, at the cluster's tempo there and as written in recordings.

Where containers are simulated, objects are applied with those durations scaled
(`cluster.tempo`). What was written travels along in an annotation, of which a recording shows
nothing: it shows the learner's own numbers, in the object and in those that controllers copy from
it together with its annotations (a Deployment's ReplicaSets).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from cluster.tempo import at_tempo, completed
from grader.model.recording import Object

Json = dict[str, Any]
Path = list[str | int]

RESERVED = "sim.mlk8s.dev/"
WRITTEN = f"{RESERVED}written"
"""Annotation: a list of [path, value on the cluster, value as written]."""


def to_cluster(value: Json, factor: float) -> Json:
    """The object to send for a written one; the very same where nothing has to be scaled."""
    if factor == 1.0:
        return value
    whole = completed(value)
    scaled = at_tempo(whole, factor)
    notes = [[path, now, before] for path, now, before in _differences(scaled, whole, [])]
    if not notes:
        return value
    _note(scaled, notes)
    if scaled.get("kind") == "CronJob":
        # Its Jobs get the annotations of the template instead.
        _note(scaled["spec"]["jobTemplate"], [[path[2:], *values] for path, *values in notes])
    return scaled


def _note(holder: Json, notes: list[Any]) -> None:
    metadata = holder.setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), WRITTEN: json.dumps(notes)}


def as_written(obj: Object) -> Object:
    """An object of the cluster with the numbers that were written."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    if WRITTEN not in annotations:
        return obj
    found: Object = copy.deepcopy(obj)
    _forget(found)
    if found.get("kind") == "CronJob":
        _forget(found["spec"]["jobTemplate"])
    for path, scaled, written in _read(annotations[WRITTEN]):
        holder: Any = _holder(found, path)
        # Whatever else stands there now was put there by somebody else.
        if holder is not None and holder.get(path[-1]) == scaled:
            holder[path[-1]] = written
    return found


def _forget(holder: Json) -> None:
    metadata = holder.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    annotations.pop(WRITTEN, None)
    if not annotations:
        metadata.pop("annotations", None)


def _differences(now: Any, before: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(now, dict) and isinstance(before, dict):
        for key in now:
            yield from _differences(now[key], before.get(key), [*path, key])
    elif isinstance(now, list) and isinstance(before, list):
        for index, (one, other) in enumerate(zip(now, before, strict=True)):
            yield from _differences(one, other, [*path, index])
    elif now != before:
        yield path, now, before


def _read(text: str) -> list[tuple[Path, Any, Any]]:
    try:
        return [(list(path), now, before) for path, now, before in json.loads(text)]
    except (ValueError, TypeError):
        return []


def _holder(value: Any, path: Path) -> Json | None:
    """The mapping in which the last step of a path stands."""
    for step in path[:-1]:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value if isinstance(value, dict) else None
