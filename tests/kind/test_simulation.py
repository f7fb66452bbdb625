"""The simulated kubelet beside a real one: the same manifests, and what both report of them.

Labs are proven on simulated containers, so these must fail, restart and recover as real ones do.
Ten Pods, each with something of its own, are played on both clusters; how their containers ended,
what they waited for, whether they are ready, and which events told of it must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterSpec, ClusterStatus, Memory, ServerModel
from grader.model.recording import Recording
from grader.observe import observe
from tests.grader.observe.samples import a_lab, a_submission
from tests.kind.test_steps import MODEL, NAMESPACE, SPACE, TRAINER

pytestmark = [pytest.mark.kind, pytest.mark.slow]

Json = dict[str, Any]
PREPROCESS = "registry.example.com/preprocess"
LIVE = {"port": 8000, "ready": ("/ready",), "live": ("/live",)}
"""Where the model image answers, for the simulation."""


@dataclass(frozen=True)
class Case:
    """One Pod, the environment that makes the real image behave so, and the simulation's words."""

    container: Json
    model: Json = field(default_factory=dict)
    init: Json | None = None
    pod: Json = field(default_factory=dict)
    image: str = f"{MODEL}:v2.1.0"


def env(**values: str) -> Json:
    return {"env": [{"name": name, "value": value} for name, value in values.items()]}


def probe(kind: str, path: str, times: int = 3) -> Json:
    get = {"httpGet": {"path": path, "port": 8000}}
    return {kind: {**get, "periodSeconds": 1, "failureThreshold": times}}


SLOW, ONCE = env(MODEL_LOAD_SECONDS="4"), {"restartPolicy": "Never"}
CASES = {
    "healthy": Case({**SLOW, **probe("readinessProbe", "/ready")}, {"load": 4}),
    "wrong-path": Case({**SLOW, **probe("readinessProbe", "/nowhere")}, {"load": 4}),
    "impatient": Case(
        {**env(MODEL_LOAD_SECONDS="600"), **probe("livenessProbe", "/ready", times=2)},
        {"load": 600, "stops_in": 0},
    ),
    "hungry": Case(
        {
            **env(MODEL_LOAD_SECONDS="1", MODEL_MEMORY_MIB="256"),
            "resources": {"limits": {"memory": "64Mi"}},
        },
        {"load": 1, "memory": Memory(load="256Mi")},
    ),
    "crashing": Case(
        env(MODEL_FAIL="crash-after=1"), {"load": 1, "crash_after": 1, "crash_code": 1}
    ),
    "finished": Case(env(RUN_SECONDS="2"), {"runs_for": 2}, pod=ONCE, image=f"{TRAINER}:v1.8.0"),
    "failed": Case(
        env(MODEL_FAIL="exit=3"),
        {"crash_after": 0, "crash_code": 3, "runs_for": 5},
        pod=ONCE,
        image=f"{TRAINER}:v1.8.0",
    ),
    "no-image": Case({"image": "registry.example.com/not-there:v1"}),
    "no-config": Case({"envFrom": [{"configMapRef": {"name": "not-there"}}]}),
    "bad-init": Case(
        {},
        init={
            "name": "bad-init-first",
            "image": f"{PREPROCESS}:v1.0.0",
            "imagePullPolicy": "IfNotPresent",
            **env(MODEL_FAIL="exit=4"),
        },
        pod=ONCE,
    ),
}


def manifest(name: str, case: Case) -> Json:
    container = {
        "name": name,
        "image": case.image,
        "imagePullPolicy": "IfNotPresent",
        **case.container,
    }
    init = {"initContainers": [case.init]} if case.init else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            **init,
            **case.pod,
        },
    }


def servers() -> tuple[ServerModel, ...]:
    """What the simulation is told of each Pod's container, which has the Pod's name."""
    told = [
        ServerModel(
            image=case.image.rpartition(":")[0],
            containers=(name,),
            **({} if case.image.startswith(TRAINER) else LIVE),
            **case.model,
        )
        for name, case in CASES.items()
    ]
    first = {"runs_for": 1, "crash_after": 0, "crash_code": 4}
    return (*told, ServerModel(image=PREPROCESS, containers=("bad-init-first",), **first))


@dataclass
class Facts:
    """What one recording says of one Pod, without times, names and counts."""

    ends: set[tuple[str, str, int]] = field(default_factory=set)
    """Container, reason and exit code of each end."""
    waits: set[tuple[str, str]] = field(default_factory=set)
    """Container, and what it waited for."""
    events: set[tuple[str, str]] = field(default_factory=set)
    """Type and reason."""
    ready: bool = False
    restarted: bool = False
    phase: str = ""


BRIEF = {"ContainerCreating", "PodInitializing"}
"""What nearly every container waits for, so briefly that a status may not show it."""
ROUTINE = {"Pulling", "Pulled"}
"""Whether an image must be pulled depends on what the node has."""


def facts_of(recording: Recording) -> dict[str, Facts]:
    found = {name: Facts() for name in CASES}
    for change in recording.changes:
        seen = change.object
        if seen["kind"] == "Pod" and seen["metadata"]["name"] in found:
            _take_in(found[seen["metadata"]["name"]], seen)
        elif seen["kind"] == "Event" and seen["involvedObject"]["name"] in found:
            event = (seen["type"], seen["reason"])
            if seen["reason"] not in ROUTINE:
                found[seen["involvedObject"]["name"]].events.add(event)
    return found


def _take_in(facts: Facts, pod: Json) -> None:
    status = pod.get("status") or {}
    facts.phase = status.get("phase", "")
    ready = [c["status"] for c in status.get("conditions") or [] if c["type"] == "Ready"]
    facts.ready = ready == ["True"]
    statuses = [*(status.get("initContainerStatuses") or [])]
    for entry in [*statuses, *(status.get("containerStatuses") or [])]:
        facts.restarted |= entry["restartCount"] > 0
        for state in (entry.get("state") or {}, entry.get("lastState") or {}):
            if end := state.get("terminated"):
                facts.ends.add((entry["name"], end["reason"], end["exitCode"]))
            reason = (state.get("waiting") or {}).get("reason")
            if reason and reason not in BRIEF:
                facts.waits.add((entry["name"], reason))


def play(cluster: ClusterStatus) -> dict[str, Facts]:
    lab = a_lab(["apply"], servers=servers(), kinds=("Namespace", "Pod"))
    pods = [manifest(name, case) for name, case in CASES.items()]
    recording = observe(lab, a_submission(NAMESPACE, *pods), cluster)
    assert recording.complete, recording.fault
    assert [answer.code for answer in recording.answers if not answer.ok] == []
    return facts_of(recording)


@pytest.fixture(scope="module")
def both(running: ClusterStatus) -> Iterator[tuple[dict[str, Facts], dict[str, Facts]]]:
    """Facts from the simulated and from the real cluster."""
    provider = EmbeddedProvider()
    simulated = provider.create(ClusterSpec(name="simulated"))
    try:
        yield play(simulated), play(running)
    finally:
        provider.delete("simulated")


@pytest.mark.parametrize("name", CASES)
def test_a_simulated_pod_lives_and_ends_as_a_real_one(
    name: str, both: tuple[dict[str, Facts], dict[str, Facts]]
) -> None:
    simulated, real = both
    assert simulated[name] == real[name]
