"""The step `kill`: the process of a container dies, in a Pod that stays."""

from __future__ import annotations

import json
from typing import Any

from grader.errors import MachineError
from grader.model.pods import container_statuses
from grader.model.recording import Object
from grader.model.scenario import Kill
from grader.observe.client import MERGE, ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.steps.traffic import ask
from grader.observe.steps.workload import pods_of
from grader.observe.waiting import DELIVERY

Json = dict[str, Any]

ANNOTATION = "sim.mlk8s.dev/kill"
"""What a simulated container dies of: `{"container": ..., "run": restarts so far, "code": ...}`."""
_REPORTED = 30.0
"""Seconds that a real kubelet may take to tell of a container's end."""
INDEX = "batch.kubernetes.io/job-completion-index"


def play_kill(stage: Stage, action: Kill) -> None:
    """Kill as many running containers as asked, oldest Pods first."""
    namespace = stage.namespace_of(action.namespace)
    stage.sync(("Pod", "Job", "ReplicaSet"))
    found = [pod for pod in pods_of(stage, action.of, namespace) if _is_hit(pod, action)]
    if not found:
        index = "" if action.index is None else f" of index {action.index}"
        name = f" {action.container}" if action.container else ""
        message = f"{action.of} has no running container{name}{index}."
        said = ApiAnswer(404, "NoContainer", message)
        stage.answer("kill", action.of, said, namespace=namespace)
    for pod in found[: action.count]:
        kill = _kill_simulated if stage.simulated else _kill_real
        said = kill(stage, pod, action, namespace)
        stage.answer("kill", f"Pod/{pod['metadata']['name']}", said, namespace=namespace)


def _is_hit(pod: Object, action: Kill) -> bool:
    index = (pod["metadata"].get("annotations") or {}).get(INDEX)
    if action.index is not None and index != str(action.index):
        return False
    return not pod["metadata"].get("deletionTimestamp") and _running(pod, action) is not None


def _container(pod: Object, action: Kill) -> str:
    return action.container or str(pod["spec"]["containers"][0]["name"])


def _status(pod: Object, name: str) -> Json:
    return next((entry for entry in container_statuses(pod) if entry.get("name") == name), {})


def _running(pod: Object, action: Kill) -> Json | None:
    """The status of the container that is meant, if it runs."""
    status = _status(pod, _container(pod, action))
    return status if "running" in (status.get("state") or {}) else None


def _kill_simulated(stage: Stage, pod: Object, action: Kill, namespace: str) -> ApiAnswer:
    """Tell the simulated kubelet, and wait until that run has ended."""
    pod_name, container = str(pod["metadata"]["name"]), _container(pod, action)
    run = int(_status(pod, container).get("restartCount") or 0)
    wish = json.dumps({"container": container, "run": run, "code": action.code})
    change = {"metadata": {"annotations": {ANNOTATION: wish}}}
    path = stage.path("Pod", namespace, pod_name)
    said = stage.api.call("PATCH", path, change, content=MERGE)
    stage.expect(KNOWN["Pod"], namespace, pod_name, said)
    if not said.ok:
        return said

    if not _has_ended(stage, pod, container, namespace, DELIVERY):
        raise MachineError(f"The simulated kubelet did not end {container} of {pod_name}.")
    return ApiAnswer(200, "", f"{container}: {action.code}")


def _kill_real(stage: Stage, pod: Object, action: Kill, namespace: str) -> ApiAnswer:
    """Let the provider end the process on its node, and wait until the kubelet says so."""
    container = _container(pod, action)
    node = str(pod["spec"].get("nodeName"))
    identity = str(_status(pod, container).get("containerID"))
    said = ask(stage, lambda p: p.kill(stage.cluster.name, node, identity, action.code))
    if not said.ok:
        return said

    if not _has_ended(stage, pod, container, namespace, _REPORTED):
        raise MachineError(f"The kubelet of {node} did not tell of the end of {container}.")
    return ApiAnswer(200, "", f"{container}: {action.code}")


def _has_ended(stage: Stage, pod: Object, container: str, namespace: str, seconds: float) -> bool:
    """Wait until the container's state is another than it was in `pod`, or the Pod is gone."""
    before = _status(pod, container).get("state")

    def ended() -> bool:
        now = stage.recorder.find("Pod", str(pod["metadata"]["name"]), namespace)
        if now is None or now["metadata"]["uid"] != pod["metadata"]["uid"]:
            return True
        return _status(now, container).get("state") != before

    return stage.recorder.wait(ended, seconds)
