"""Tails of container logs: all of them where containers are real.

A simulated container writes a few lines that its lab declares; they matter where it ended with an
error, and asking for all the others would cost a class more than it tells.
"""

from __future__ import annotations

from grader.model.pods import container_statuses
from grader.model.recording import Log, Object
from grader.observe.stage import Stage

_QUERY = {"tailLines": "60", "limitBytes": "16384"}
_MOST = 40


def take_logs(stage: Stage) -> None:
    """Add the tail of containers' logs, and of the previous run where one was restarted."""
    with stage.recorder.changed:
        pods = list(stage.recorder.state.get("Pod", {}).values())
    for pod in pods[:_MOST]:
        for entry in container_statuses(pod):
            if stage.simulated and not _failed(entry):
                continue
            if entry.get("restartCount"):
                _take(stage, pod, entry["name"], {"previous": "true"})
            _take(stage, pod, entry["name"], {})


def _failed(entry: Object) -> bool:
    """Whether the container's present or last run ended with an error."""
    ends = [(entry.get(key) or {}).get("terminated") or {} for key in ("state", "lastState")]
    return any(end.get("exitCode") for end in ends)


def _take(stage: Stage, pod: Object, container: str, more: dict[str, str]) -> None:
    metadata = pod["metadata"]
    path = stage.path("Pod", metadata["namespace"], metadata["name"]) + "/log"
    query = {**_QUERY, **more, "container": container}
    said = stage.api.call("GET", path, query=query, accept="*/*")
    if said.ok and said.text:
        text = stage.isolation.names.text_back(said.text)
        stage.logs.append(Log(stage.recorder.clock(), metadata["name"], container, text))
