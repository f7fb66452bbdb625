"""Tails of container logs, which only real containers have."""

from __future__ import annotations

from grader.model.recording import Log, Object
from grader.observe.stage import Stage

_QUERY = {"tailLines": "60", "limitBytes": "16384"}
_MOST = 40


def take_logs(stage: Stage) -> None:
    """Add the tail of every container's log, and of its previous run if it was restarted."""
    if stage.simulated:
        return
    with stage.recorder.changed:
        pods = list(stage.recorder.state.get("Pod", {}).values())
    for pod in pods[:_MOST]:
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            if status.get("restartCount"):
                _take(stage, pod, status["name"], {"previous": "true"})
            _take(stage, pod, status["name"], {})


def _take(stage: Stage, pod: Object, container: str, more: dict[str, str]) -> None:
    metadata = pod["metadata"]
    path = stage.path("Pod", metadata["namespace"], metadata["name"]) + "/log"
    query = {**_QUERY, **more, "container": container}
    said = stage.api.call("GET", path, query=query, accept="*/*")
    if said.ok and said.text:
        text = stage.isolation.names.text_back(said.text)
        stage.logs.append(Log(stage.recorder.clock(), metadata["name"], container, text))
