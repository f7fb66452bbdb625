"""The step `delete-pod`: Pods of a workload are taken away, oldest first."""

from __future__ import annotations

from grader.model.scenario import DeletePod
from grader.observe.client import ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.steps.workload import pods_of


def play_delete_pod(stage: Stage, action: DeletePod) -> None:
    """Delete as many Pods as asked (or that one Pod), or record that there are none."""
    namespace = stage.namespace_of(action.namespace)
    stage.sync(("Pod",))
    pods = pods_of(stage, action.of, namespace)
    if not pods:
        message = f"{action.of} has no Pods to delete."
        said = ApiAnswer(404, "NoPods", message)
        stage.answer("delete", action.of, said, namespace=namespace)
    for pod in pods[: action.count]:
        pod_name = str(pod["metadata"]["name"])
        said = stage.api.call("DELETE", stage.path("Pod", namespace, pod_name))
        stage.answer("delete", f"Pod/{pod_name}", said, namespace=namespace)
        stage.expect(KNOWN["Pod"], namespace, pod_name, said)
