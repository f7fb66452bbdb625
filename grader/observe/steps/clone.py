"""The step `clone`: a second copy of an object of the submission, under another name."""

from __future__ import annotations

from grader.model.scenario import Clone
from grader.observe.apply import resolve, send
from grader.observe.client import ApiAnswer
from grader.observe.stage import Stage


def play_clone(stage: Stage, action: Clone) -> None:
    """Apply the copy as the learner."""
    found = [m for m in stage.submission.manifests if str(m) == action.object]
    target = f"{action.object.partition('/')[0]}/{action.name}"
    namespace = str((found[0].namespace if found else action.namespace) or "")
    if not found:
        message = f"The submission has no {action.object}."
        stage.answer(
            "apply", target, ApiAnswer(404, "NotInSubmission", message), namespace=namespace
        )
        return
    original = found[0].value
    copy = {**original, "metadata": {**original["metadata"], "name": action.name}}
    place = str(found[0].place)
    kind, refusal = resolve(stage, copy)
    if kind is None or refusal is not None:
        said = refusal or ApiAnswer(404, "NoKindMatch")
        stage.answer("apply", target, said, place, namespace=namespace)
        return
    said = send(stage, kind, copy)
    stage.answer("apply", target, said, place, namespace=namespace)
    stage.expect(kind, namespace, action.name, said)
