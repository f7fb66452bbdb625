from __future__ import annotations

from typing import Any

import pytest

from grader.notebook.podstate import restarts, state
from tests.grader.observe.samples import a_pod

Json = dict[str, Any]
DONE = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "restartCount": 1}
FAILED = {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
BACK_OFF = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3}
WAITS = {"state": {"waiting": {"reason": "PodInitializing"}}}
RUNS = {"state": {"running": {}}, "ready": True}


def a_pod_with(init: list[Json], main: list[Json], phase: str = "Pending") -> Json:
    pod = a_pod("p", ready=phase == "Running")
    pod["spec"]["initContainers"] = [{"name": f"i{n}"} for n in range(len(init))]
    pod["status"] |= {
        "phase": phase,
        "initContainerStatuses": [{"name": f"i{n}", **entry} for n, entry in enumerate(init)],
        "containerStatuses": [{"name": f"c{n}", **entry} for n, entry in enumerate(main)],
    }
    return pod


@pytest.mark.parametrize(
    ("init", "main", "phase", "words", "count"),
    [
        ([], [RUNS], "Running", "Running", 0),
        ([DONE], [RUNS], "Running", "Running", 0),
        ([DONE, FAILED], [WAITS], "Pending", "Init:Error", 1),
        ([BACK_OFF], [WAITS], "Pending", "Init:CrashLoopBackOff", 3),
        ([DONE, {"state": {"running": {}}}], [WAITS], "Pending", "Init:1/2", 1),
        ([DONE], [WAITS], "Pending", "PodInitializing", 0),
        ([], [BACK_OFF, RUNS], "Running", "CrashLoopBackOff", 3),
        ([], [DONE, RUNS], "Running", "Running", 1),
        ([], [DONE], "Succeeded", "Completed", 1),
        ([], [{"state": {"terminated": {"exitCode": 3}}}], "Failed", "ExitCode:3", 0),
    ],
)
def test_a_pod_is_called_what_kubectl_calls_it(
    init: list[Json], main: list[Json], phase: str, words: str, count: int
) -> None:
    pod = a_pod_with(init, main, phase)
    assert (state(pod), restarts(pod)) == (words, count)


def test_a_sidecar_that_runs_is_past_and_a_deleted_pod_is_terminating() -> None:
    pod = a_pod_with([{"state": {"running": {}}, "started": True}], [RUNS], "Running")
    pod["spec"]["initContainers"][0]["restartPolicy"] = "Always"
    assert state(pod) == "Running"
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert state(pod) == "Terminating"
    waiting = a_pod_with([{"state": {"waiting": {}}}], [], "Pending")
    del waiting["spec"]["nodeName"]
    assert state(waiting) == "Pending"
