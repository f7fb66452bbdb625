"""The step `scale`: another number of replicas, through the scale subresource."""

from __future__ import annotations

from grader.model.scenario import Scale
from grader.observe.client import MERGE
from grader.observe.stage import Stage
from grader.observe.steps.workload import kind_and_name, read


def play_scale(stage: Stage, action: Scale) -> None:
    """Set the number as `kubectl scale` does, whoever runs the cluster."""
    namespace = stage.namespace_of(action.namespace)
    kind, said = read(stage, action.object, namespace)
    if kind is not None and said.ok:
        name = kind_and_name(action.object)[1]
        path = f"{kind.path(stage.real(namespace), name)}/scale"
        change = {"spec": {"replicas": action.replicas}}
        said = stage.api.call("PATCH", path, change, content=MERGE)
        stage.expect(kind, namespace, name, said)
    stage.answer("scale", action.object, said, namespace=namespace)
