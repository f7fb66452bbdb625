"""The step `finish`: the running containers of a Job are told that their work is done."""

from __future__ import annotations

from grader.model.scenario import Finish
from grader.observe.client import MERGE, ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.settle import is_over
from grader.observe.stage import Stage
from grader.observe.steps.workload import kind_and_name

ANNOTATION = "sim.mlk8s.dev/finish"
"""What simulated containers end on, with this exit code."""


def play_finish(stage: Stage, action: Finish) -> None:
    """Annotate the running Pods; real containers cannot be told, which is recorded."""
    namespace = stage.namespace_of(action.namespace)
    if not stage.simulated:
        message = "Real containers end when their work is done; they cannot be told to."
        said = ApiAnswer(0, "NotPossible", message)
        stage.answer("patch", action.of, said, namespace=namespace)
        return
    stage.sync(("Pod", "Job"))
    pods = [
        pod for pod in stage.owned_pods(*kind_and_name(action.of), namespace) if not is_over(pod)
    ]
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    if not running:
        message = f"{action.of} has no running Pods."
        said = ApiAnswer(404, "NoPods", message)
        stage.answer("patch", action.of, said, namespace=namespace)
    for pod in running:
        name = str(pod["metadata"]["name"])
        change = {"metadata": {"annotations": {ANNOTATION: str(action.exit_code)}}}
        said = stage.api.call("PATCH", stage.path("Pod", namespace, name), change, content=MERGE)
        stage.answer("patch", f"Pod/{name}", said, namespace=namespace)
        stage.expect(KNOWN["Pod"], namespace, name, said)
