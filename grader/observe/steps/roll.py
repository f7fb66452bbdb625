"""The step `roll`: a container of a workload gets another image."""

from __future__ import annotations

from typing import Any

from grader.model.scenario import Roll
from grader.observe.client import JSON_PATCH, ApiAnswer
from grader.observe.stage import Stage
from grader.observe.steps.workload import (
    container_names,
    container_place,
    kind_and_name,
    read,
    template_path,
)

Json = dict[str, Any]

CHANGE_CAUSE = "kubernetes.io/change-cause"


def play_roll(stage: Stage, action: Roll) -> None:
    """Change the image as the learner would with `kubectl set image`."""
    namespace = stage.namespace_of(action.namespace)
    kind, found = read(stage, action.object, namespace)
    if kind is None or not found.ok:
        stage.answer("patch", action.object, found, namespace=namespace)
        return
    place = container_place(found.body, kind.name, action.container)
    if place is None:
        names = container_names(found.body, kind.name, "containers")
        message = f"{action.object} has no container {action.container!r}, only {', '.join(names)}."
        said = ApiAnswer(404, "NoContainer", message)
        stage.answer("patch", action.object, said, namespace=namespace)
        return
    patch = release_patch(found.body, kind.name, place, action)
    name = kind_and_name(action.object)[1]
    path = kind.path(stage.real(namespace), name)
    user = stage.isolation.user
    said = stage.api.call("PATCH", path, patch, content=JSON_PATCH, user=user)
    stage.answer("patch", action.object, said, namespace=namespace)
    stage.expect(kind, namespace, name, said)


def release_patch(found: Json, kind: str, place: tuple[str, int], action: Roll) -> list[Json]:
    """The JSON patch of a release: image, template metadata and change-cause together."""
    spec_path = template_path(kind)
    container = _pointer(*spec_path, place[0], str(place[1]))
    patch = [
        # The test guards against another order of containers than the one just read.
        {"op": "test", "path": f"{container}/name", "value": action.container},
        {"op": "replace", "path": f"{container}/image", "value": action.image},
    ]
    template = spec_path[:-1]
    patch += _added(found, (*template, "metadata"), "labels", action.labels)
    patch += _added(found, (*template, "metadata"), "annotations", action.annotations)
    if action.change_cause is not None:
        cause = {CHANGE_CAUSE: action.change_cause}
        patch += _added(found, ("metadata",), "annotations", cause)
    return patch


def _added(
    found: Json, metadata: tuple[str, ...], part: str, entries: dict[str, str]
) -> list[Json]:
    """Operations that add entries to the labels or annotations of some metadata."""
    if not entries:
        return []
    value: Any = found
    for key in metadata:
        value = (value or {}).get(key)
    # A JSON patch adds only to what is there.
    made = [] if value is not None else [{"op": "add", "path": _pointer(*metadata), "value": {}}]
    merged = {**((value or {}).get(part) or {}), **entries}
    return [*made, {"op": "add", "path": _pointer(*metadata, part), "value": merged}]


def _pointer(*keys: str) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
