"""The step `send`: manifests of the lab's own, to be admitted or refused, or to be there."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import yaml

from grader.errors import CourseError
from grader.model.scenario import Send
from grader.observe.apply import Sender, resolve, send
from grader.observe.client import ApiAnswer
from grader.observe.kinds import Kind
from grader.observe.noise import clean
from grader.observe.stage import Stage
from grader.observe.tempo import as_written

Json = dict[str, Any]

GRADER = Sender(user="", manager="mlk8s-grader")


def play_send(stage: Stage, action: Send) -> None:
    """Send each manifest of the lab's files and record the answers."""
    for file in action.files:
        for value, line in given_objects(stage.lab_text(file), file):
            _send_one(stage, action, value, f"{file}:{line}")


def _send_one(stage: Stage, action: Send, value: Json, place: str) -> None:
    metadata = value.get("metadata") or {}
    target = f"{value.get('kind')}/{metadata.get('name')}"
    namespace = str(metadata.get("namespace") or "")
    kind: Kind | None
    refusal: ApiAnswer | None = None
    if action.actor == "grader":
        kind, sender = _given(stage, value, place), GRADER
    else:
        kind, refusal = resolve(stage, value)
        sender = Sender(stage.isolation.user)
    said, body = refusal or ApiAnswer(404, "NoKindMatch"), ""
    if kind is not None and refusal is None:
        said = send(stage, kind, value, sender, action.dry_run)
        if action.dry_run and said.ok:
            body = json.dumps(as_written(stage.isolation.retouch(clean(said.body))))
    stage.answer("create", target, said, place, body, namespace=namespace, actor=action.actor)
    if kind is not None and not action.dry_run:
        stage.expect(kind, namespace, str(metadata["name"]), said)


def _given(stage: Stage, value: Json, place: str) -> Kind:
    """The kind of an object that the lab itself gives; a CourseError where it may not."""
    kind = stage.kinds.of(str(value.get("kind")), str(value.get("apiVersion")))
    if kind is None:
        raise CourseError(f"{place}: this cluster knows no {value.get('kind')} of that version.")
    namespace = (value.get("metadata") or {}).get("namespace")
    if kind.namespaced and namespace not in stage.namespaces:
        raise CourseError(f"{place}: a given object must be in one of the lab's namespaces.")
    if not kind.namespaced and stage.lab.file.isolation != "cluster":
        raise CourseError(f"{place}: a given {kind.name} needs isolation: cluster.")
    return kind


@lru_cache(maxsize=64)
def given_objects(text: str, file: str) -> tuple[tuple[Json, int], ...]:
    """The objects of a file of the lab, Lists taken apart, with the line that each begins on."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        values = list(yaml.safe_load_all(text))
    except (ValueError, yaml.YAMLError) as error:
        raise CourseError(f"The lab's file {file} cannot be read: {error}.") from error
    found: list[tuple[Json, int]] = []
    for node, value in zip(nodes, values, strict=True):
        if isinstance(value, dict):
            items = value.get("items") if value.get("kind") == "List" else [value]
            found += [(item, node.start_mark.line + 1) for item in items or []]
    return tuple(found)
