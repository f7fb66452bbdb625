"""The step `roll`: a container of a workload gets another image."""

from __future__ import annotations

from grader.model.scenario import Roll
from grader.observe.client import JSON_PATCH, ApiAnswer
from grader.observe.stage import Stage
from grader.observe.steps.workload import containers, kind_and_name, read, template_path


def play_roll(stage: Stage, action: Roll) -> None:
    """Change the image as the learner would with `kubectl set image`."""
    namespace = stage.namespace_of(action.namespace)
    kind, found = read(stage, action.object, namespace)
    if kind is None or not found.ok:
        stage.answer("patch", action.object, found, namespace=namespace)
        return
    names = [container["name"] for container in containers(found.body, kind.name)]
    if action.container not in names:
        message = f"{action.object} has no container {action.container!r}, only {', '.join(names)}."
        said = ApiAnswer(404, "NoContainer", message)
        stage.answer("patch", action.object, said, namespace=namespace)
        return
    where = "/" + "/".join(template_path(kind.name))
    where = f"{where}/containers/{names.index(action.container)}"
    patch = [
        # The test guards against another order of containers than the one just read.
        {"op": "test", "path": f"{where}/name", "value": action.container},
        {"op": "replace", "path": f"{where}/image", "value": action.image},
    ]
    name = kind_and_name(action.object)[1]
    path = kind.path(stage.real(namespace), name)
    user = stage.isolation.user
    said = stage.api.call("PATCH", path, patch, content=JSON_PATCH, user=user)
    stage.answer("patch", action.object, said, namespace=namespace)
    stage.expect(kind, namespace, name, said)
