"""The step `finish`: the running containers of a Job are told that their work is done.

Simulated ones read it in an annotation; the stand-in trainer answers `GET :8000/finish?code=N`.
"""

from __future__ import annotations

from grader.errors import MachineError
from grader.model.recording import Object
from grader.model.scenario import Finish
from grader.observe.client import MERGE, ApiAnswer
from grader.observe.counts import is_over
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.steps.workload import kind_and_name

ANNOTATION = "sim.mlk8s.dev/finish"
"""What simulated containers end on, with this exit code."""


PORT = 8000
_ENDS = 60.0
"""Seconds that a real kubelet may take to tell of a container's end; a busy machine needs many."""


def play_finish(stage: Stage, action: Finish) -> None:
    """Tell the running Pods, or record that there are none."""
    namespace = stage.namespace_of(action.namespace)
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
        if not stage.simulated:
            _ask(stage, namespace, name, action.exit_code)
            continue
        change = {"metadata": {"annotations": {ANNOTATION: str(action.exit_code)}}}
        said = stage.api.call("PATCH", stage.path("Pod", namespace, name), change, content=MERGE)
        stage.answer("patch", f"Pod/{name}", said, namespace=namespace)
        stage.expect(KNOWN["Pod"], namespace, name, said)


def _ask(stage: Stage, namespace: str, name: str, exit_code: int) -> None:
    """Ask a real trainer to finish, through the API server; then wait until its kubelet says so."""
    path = stage.path("Pod", namespace, f"{name}:{PORT}")
    said = stage.api.call("GET", f"{path}/proxy/finish?code={exit_code}", accept="*/*")
    stage.answer(
        "request", f"Pod/{name}:{PORT}/finish", said, body=said.text[:1000], namespace=namespace
    )
    if not said.ok:
        return

    def ended() -> bool:
        pod = stage.recorder.find("Pod", name, namespace)
        statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or []
        return pod is None or is_over(pod) or any("terminated" in _state(s) for s in statuses)

    # It has promised to end. To go on without its end would judge a slow kubelet.
    if not stage.recorder.wait(ended, _ENDS):
        raise MachineError(f"Pod/{name} was told to finish, and its end was never reported.")


def _state(status: Object) -> Object:
    return {**(status.get("state") or {}), **(status.get("lastState") or {})}
