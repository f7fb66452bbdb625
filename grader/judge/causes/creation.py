"""Pods that were never made: the API server refused the object, or its controller's Pods."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grader.judge.causes.cause import Cause, Word
from grader.judge.causes.scene import Scene, namespace_of, title
from grader.model.recording import Answer, Object

_APPLYING = ("apply", "create")
_MAKERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")
_PATTERNS: tuple[tuple[str, Word, str], ...] = (
    (r"exceeded quota|failed quota", "quota", "spec.template.spec.containers[*].resources"),
    (r"violates PodSecurity", "admission", "spec.template.spec"),
    (r"(minimum|maximum) (cpu|memory)|LimitRange", "admission", "resources"),
    (r"serviceaccount .* not found", "configuration", "spec.template.spec.serviceAccountName"),
    (r"PriorityClass", "configuration", "spec.template.spec.priorityClassName"),
)


def refusals(scene: Scene) -> Iterator[Cause]:
    """Objects of the submission that the API server refused, and that are not there since."""
    for answer in scene.answers():
        if answer.verb in _APPLYING and not answer.ok and not _came_later(scene, answer):
            place = f"{answer.place}: " if answer.place else ""
            word: Word = "quota" if "exceeded quota" in answer.message else "admission"
            yield Cause(
                word=word,
                about=answer.target,
                namespace="",
                field="",
                what=f"{'The grader' if answer.kept_back else 'The API server'} refused "
                f"{answer.target}",
                said=f"{place}{answer.message}",
                source=f"answer {answer.code}",
                at=answer.at,
            )


def _came_later(scene: Scene, answer: Answer) -> bool:
    return any(
        later.ok
        and later.target == answer.target
        and later.verb in _APPLYING
        and later.at > answer.at
        for later in scene.answers()
    )


def not_created(scene: Scene, workload: Object) -> Iterator[Cause]:
    """Pods that a controller of the workload tried to make in vain."""
    for maker in scene.below(workload, *_MAKERS):
        wanted = (maker.get("spec") or {}).get("replicas", 1)
        made = scene.below(maker, "Pod")
        if not wanted or len(made) >= wanted:
            continue
        # Warning FailedCreate is the newest word of the controller, which tries again and again.
        for fact in scene.facts(maker, "FailedCreate")[-1:]:
            word, field = _kind_of(fact.message)
            yield Cause(
                word=word,
                about=title(maker),
                namespace=namespace_of(maker),
                field=field,
                what=f"{maker['kind']} {maker['metadata']['name']} cannot create its Pods",
                said=fact.message,
                source="event FailedCreate",
                at=scene.facts(maker, "FailedCreate")[0].at,
            )


def _kind_of(message: str) -> tuple[Word, str]:
    for pattern, word, field in _PATTERNS:
        if re.search(pattern, message):
            return word, field
    return "admission", "spec.template.spec"
