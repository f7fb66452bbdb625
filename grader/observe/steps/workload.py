"""What several steps need to know of a workload: its object, and where its containers stand."""

from __future__ import annotations

from typing import Any

from grader.model.recording import Object
from grader.observe.client import ApiAnswer
from grader.observe.kinds import Kind
from grader.observe.stage import Stage

Json = dict[str, Any]


def kind_and_name(reference: str) -> tuple[str, str]:
    """`Deployment/web` as its two parts."""
    kind, _, name = reference.partition("/")
    return kind, name


def read(stage: Stage, reference: str, namespace: str) -> tuple[Kind | None, ApiAnswer]:
    """The object as the API server has it now, or its answer that there is none."""
    name_of_kind, name = kind_and_name(reference)
    kind = stage.kinds.named(name_of_kind)
    if kind is None:
        return None, ApiAnswer(404, "NoKindMatch", f"The cluster knows no kind {name_of_kind}.")
    return kind, stage.api.get(kind.path(stage.real(namespace), name))


def template_path(kind: str) -> tuple[str, ...]:
    """Where the Pod spec stands in an object of this kind."""
    if kind == "Pod":
        return ("spec",)
    if kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    return ("spec", "template", "spec")


def containers(obj: Json, kind: str) -> list[Json]:
    """The containers of an object's Pods."""
    value: Any = obj
    for key in template_path(kind):
        value = (value or {}).get(key)
    found: list[Json] = (value or {}).get("containers") or []
    return found


def pods_of(stage: Stage, reference: str, namespace: str) -> list[Object]:
    """Living Pods of a workload, oldest first; of `Pod/name` that Pod."""
    kind, name = kind_and_name(reference)
    if kind == "Pod":
        found = stage.recorder.find("Pod", name, namespace)
        return [] if found is None else [found]
    return stage.owned_pods(kind, name, namespace)
