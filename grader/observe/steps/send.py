"""The step `send`: manifests of the lab's own, to be admitted or refused."""

from __future__ import annotations

from typing import Any

import yaml

from grader.errors import CourseError
from grader.model.scenario import Send
from grader.observe.apply import resolve, send
from grader.observe.client import ApiAnswer
from grader.observe.stage import Stage

Json = dict[str, Any]


def play_send(stage: Stage, action: Send) -> None:
    """Send each manifest of the lab's files and record the answers."""
    for file in action.files:
        for value, line in _documents(stage, file):
            _send_one(stage, value, f"{file}:{line}")


def _send_one(stage: Stage, value: Json, place: str) -> None:
    metadata = value.get("metadata") or {}
    target = f"{value.get('kind')}/{metadata.get('name')}"
    kind, refusal = resolve(stage, value)
    if kind is None or refusal is not None:
        stage.answer("create", target, refusal or ApiAnswer(404, "NoKindMatch"), place)
        return
    said = send(stage, kind, value)
    stage.answer("create", target, said, place)
    stage.expect(kind, str(metadata.get("namespace") or ""), str(metadata["name"]), said)


def _documents(stage: Stage, file: str) -> list[tuple[Json, int]]:
    """The objects of a file of the lab, with the line that each begins on."""
    try:
        text = stage.lab_text(file)
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        values = list(yaml.safe_load_all(text))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CourseError(f"The lab's file {file} cannot be read: {error}.") from error
    return [
        (value, node.start_mark.line + 1)
        for node, value in zip(nodes, values, strict=True)
        if isinstance(value, dict)
    ]
