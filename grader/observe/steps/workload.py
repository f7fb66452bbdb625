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


def container_place(obj: Json, kind: str, name: str) -> tuple[str, int] | None:
    """The list and the place in it where the Pods' container of this name stands.

    Init containers are looked at too, as `kubectl set image` does. None where there is none.
    """
    for key in ("containers", "initContainers"):
        names = container_names(obj, kind, key)
        if name in names:
            return key, names.index(name)
    return None


def container_names(obj: Json, kind: str, key: str) -> list[str]:
    """Names of the `containers` or `initContainers` of an object's Pods, in order."""
    value: Any = obj
    for step in template_path(kind):
        value = (value or {}).get(step)
    return [str(container["name"]) for container in (value or {}).get(key) or []]


def pods_of(stage: Stage, reference: str, namespace: str) -> list[Object]:
    """Living Pods of a workload, oldest first; of `Pod/name` that Pod."""
    kind, name = kind_and_name(reference)
    if kind == "Pod":
        found = stage.recorder.find("Pod", name, namespace)
        return [] if found is None else [found]
    return stage.owned_pods(kind, name, namespace)
