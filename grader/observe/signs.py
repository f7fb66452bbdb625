"""Signs of life of a simulation: it answers, and none of the run's Pods has broken in it.

A simulated kubelet that has died, or has given up a Pod for an error of its own, is as silent as a
Pod that will never be ready. To call that a mistake of the submission would be a wrong verdict.
"""

from __future__ import annotations

import time
from typing import Any

from grader.errors import MachineError
from grader.observe.stage import Stage

Json = dict[str, Any]

_PATIENCE = 15.0
"""Seconds in which a busy simulation may answer."""


def shows_signs(stage: Stage) -> bool:
    """Whether the cluster's simulation can be asked at all."""
    return stage.capabilities.load == "simulated"


def signs(stage: Stage, namespace: str) -> Json:
    """What the simulation says about a namespace (its real name). Raises MachineError."""
    from cluster.embedded.metrics.answers import signs_path

    until = time.monotonic() + _PATIENCE
    while True:
        answer = stage.api.get(signs_path(namespace))
        if answer.ok:
            return answer.body
        if time.monotonic() > until:
            raise MachineError(
                f"The simulated kubelet of {stage.cluster.name} does not answer: {answer.message}",
                "mlk8s up mends it.",
            )
        time.sleep(0.2)


def prove_simulation(stage: Stage) -> None:
    """Raise MachineError if the simulation is dead, or broke at one of the run's Pods."""
    if not shows_signs(stage):
        return
    for namespace in stage.isolation.names.real:
        for fault in signs(stage, namespace).get("faults") or []:
            if fault.get("uid") in _pods_seen(stage):
                raise MachineError(f"The simulation of a Pod broke. {fault.get('text')}")


def await_simulation(stage: Stage) -> dict[str, float]:
    """Wait until the simulated kubelet has done and reported all that is due by now.

    Gives in how many seconds something of a Pod will end by itself (uid -> seconds), for those of
    which it is known; of real containers it is not.

    On a busy machine its timers come late, and what it was told comes late to it. Until both have
    come, silence means nothing. Raises MachineError where it falls too far behind.
    """
    if not shows_signs(stage):
        return {}
    until = time.monotonic() + _PATIENCE
    while True:
        known: dict[str, str] = {}
        ends: dict[str, float] = {}
        for namespace in stage.isolation.names.real:
            shown = signs(stage, namespace)
            known |= shown.get("pods") or {}
            ends |= shown.get("ends") or {}
        behind = _not_known_as_they_are(stage, known)
        if not behind:
            return ends
        if time.monotonic() > until:
            raise MachineError(
                f"The simulated kubelet does not see the latest of {behind}: "
                "the cluster is too slow or broken."
            )
        time.sleep(0.05)


def _not_known_as_they_are(stage: Stage, known: dict[str, str]) -> str:
    """A Pod of which the recording has a later version than the simulation; else empty.

    One that the simulation does not have at all is on no simulated node, or not there any more.
    """
    with stage.recorder.changed:
        pods = list(stage.recorder.state.get("Pod", {}).values())
    for pod in pods:
        metadata = pod["metadata"]
        seen = known.get(str(metadata.get("uid")))
        if seen is not None and int(seen) < int(metadata.get("resourceVersion") or 0):
            return f"Pod/{metadata['name']}"
    return ""


def _pods_seen(stage: Stage) -> set[str]:
    with stage.recorder.changed:
        return {
            str(change.object["metadata"].get("uid"))
            for change in stage.recorder.changes
            if change.object.get("kind") == "Pod"
        }
