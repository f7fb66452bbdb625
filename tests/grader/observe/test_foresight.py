"""What looks healthy and is known not to stay so is not the end of the story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from grader.observe.foresight import ASKED, FIRST_REAL, LEEWAY, Foresight, unproven
from tests.grader.observe.samples import a_pod, an_object, state_of

Json = dict[str, Any]
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIVENESS = {"httpGet": {"path": "/live", "port": 8000}, "periodSeconds": 5, "failureThreshold": 2}
READINESS = {"httpGet": {"path": "/ready", "port": 8000}}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def a_running_pod(restarts: int = 0, ready: bool = True, **spec: Any) -> Json:
    pod = a_pod("web-1", ready=ready)
    pod["spec"]["containers"][0] |= spec
    entry = pod["status"]["containerStatuses"][0]
    entry["state"] = {"running": {"startedAt": stamp(START)}}
    entry["restartCount"] = restarts
    return pod


def a_warning(at: datetime, message: str = "Liveness probe failed: 404", **about: Any) -> Json:
    involved = {"uid": "uid-Pod-web-1", "fieldPath": "spec.containers{main}", **about}
    return an_object(
        "Event",
        "web-1.1",
        reason="Unhealthy",
        message=message,
        lastTimestamp=stamp(at),
        involvedObject=involved,
    )


def left(seconds: float, *objects: Json) -> list[tuple[str, float]]:
    found = unproven(state_of(*objects), START + timedelta(seconds=seconds))
    return [(waiting.text, round(rest, 3)) for waiting, rest in found]


# Simulated containers


def test_an_end_within_the_horizon_is_waited_for() -> None:
    foresight = Foresight(0.05)
    foresight.learn({"uid-Pod-web-1": 1.5, "uid-of-another": 1.0}, now=100.0)
    ((waiting, until),) = foresight.expected(state_of(a_pod("web-1"), a_pod("web-2")))
    assert str(waiting) == "Pod/web-1: something in it is about to end"
    assert until == pytest.approx(101.5 + LEEWAY)


def test_what_ends_later_counts_as_staying() -> None:
    foresight = Foresight(0.05)
    foresight.learn({"uid-Pod-web-1": 6.1}, now=100.0)
    assert foresight.expected(state_of(a_pod("web-1"))) == []
    assert not foresight.is_outdated(1000.0)


@pytest.mark.parametrize(
    "pod",
    [a_pod("web-1", ready=False), a_pod("web-1", deletionTimestamp="2026-05-01T12:00:00Z")],
    ids=["not ready", "on its way out"],
)
def test_pods_that_are_waited_for_anyway_need_no_foresight(pod: Json) -> None:
    foresight = Foresight(0.05)
    foresight.learn({"uid-Pod-web-1": 1.0}, now=100.0)
    assert foresight.expected(state_of(pod)) == []


def test_when_an_end_should_have_come_the_simulation_is_asked_again() -> None:
    foresight = Foresight(0.05)
    foresight.learn({"uid-Pod-web-1": 1.0}, now=100.0)
    assert not foresight.is_outdated(101.0)
    assert foresight.is_outdated(101.0 + LEEWAY)
    foresight.learn({}, now=101.5)
    assert not foresight.is_outdated(200.0)


# Real containers


def test_without_a_readiness_probe_the_first_seconds_count() -> None:
    pod = a_running_pod()
    assert left(1, pod) == [("Pod/web-1: main was just started", FIRST_REAL - 1)]
    assert left(FIRST_REAL, pod) == []
    assert left(1, a_running_pod(readinessProbe=READINESS)) == []
    assert left(1, a_running_pod(restarts=1)) == []
    assert left(1, a_running_pod(ready=False)) == []


def test_a_liveness_probe_must_have_been_asked_once() -> None:
    late = {**LIVENESS, "initialDelaySeconds": 10}
    pod = a_running_pod(readinessProbe=READINESS, livenessProbe=late)
    assert left(1, pod) == [("Pod/web-1: main was just started", 9 + ASKED)]
    never = {**LIVENESS, "initialDelaySeconds": 600}
    assert left(1, a_running_pod(readinessProbe=READINESS, livenessProbe=never)) == []


def test_one_that_fails_is_waited_for_until_it_has_failed_often_enough() -> None:
    pod = a_running_pod(readinessProbe=READINESS, livenessProbe=LIVENESS)
    warned = a_warning(START + timedelta(seconds=4))
    text = "Pod/web-1: main fails its liveness probe"
    assert left(5, pod, warned) == [(text, 4 + 10 + ASKED - 5)]
    assert left(17, pod, warned) == []


@pytest.mark.parametrize(
    "event",
    [
        a_warning(START, "Readiness probe failed: 503"),
        a_warning(START, uid="uid-of-another"),
        a_warning(START, fieldPath="spec.containers{sidecar}"),
    ],
    ids=["readiness", "another Pod", "another container"],
)
def test_other_warnings_say_nothing(event: Json) -> None:
    pod = a_running_pod(readinessProbe=READINESS, livenessProbe=LIVENESS)
    assert left(5, pod, event) == []
