"""Temporal words: what they prove, what they disprove, and when they must not decide."""

from __future__ import annotations

import random

import pytest

from grader.errors import CourseError
from grader.judge.failure import CheckFailed, EvidenceIncomplete
from tests.grader.judge.build import Builder, event, pod, slice_of, thing


def three(ready: list[object]) -> bool:
    return len(ready) >= 3


def rollout(*sizes: int) -> Builder:
    """An apply with three endpoints, then a roll that goes through these numbers of endpoints."""
    made = Builder().begin("apply").change("added", slice_of("web", "a", "b", "c")).end("apply")
    made.begin("roll")
    for size in sizes:
        made.change("modified", slice_of("web", *"abcdefg"[:size]))
    return made.end("roll")


def test_always_holds() -> None:
    rollout(4, 3, 4).view.during("roll").endpoints("web").always(three, "at least 3")


def test_always_finds_the_dip_and_says_when() -> None:
    with pytest.raises(CheckFailed) as failure:
        rollout(4, 2, 4).view.during("roll").endpoints("web").always(three, "at least 3")
    assert failure.value.expected == "ready endpoints of Service web to be always at least 3"
    assert failure.value.observed == "2 ready: a, b"
    assert failure.value.where == "2.0 s into roll"


def test_always_looks_at_the_state_that_the_step_begins_with() -> None:
    made = Builder().begin("apply").change("added", slice_of("web", "a")).begin("roll")
    made.change("modified", slice_of("web", *"abc"))
    with pytest.raises(CheckFailed):
        made.view.during("roll").endpoints("web").always(three, "at least 3")


def test_a_later_step_does_not_count() -> None:
    made = rollout(3).begin("cleanup").change("deleted", slice_of("web"))
    made.view.during("roll").endpoints("web").always(three, "at least 3")


def test_an_absent_service_is_not_always_ready() -> None:
    with pytest.raises(CheckFailed) as failure:
        rollout(3).view.during("roll").endpoints("other").always(three, "at least 3")
    assert failure.value.observed == "none"


def test_the_order_is_that_of_resource_versions_not_of_arrival() -> None:
    made = rollout(4, 3, 5, 4)
    random.Random(7).shuffle(made.recording.changes)
    made.view.during("roll").endpoints("web").always(three, "at least 3")
    assert len(made.view.during("roll").endpoints("web").last) == 4


def test_a_gap_in_the_span_is_no_proof_but_a_violation_stays_one() -> None:
    good = rollout(4, 3).gap("EndpointSlice", 4.5, 5.5)
    with pytest.raises(EvidenceIncomplete):
        good.view.during("roll").endpoints("web").always(three, "at least 3")
    bad = rollout(4, 2).gap("EndpointSlice", 4.5, 5.5)
    with pytest.raises(CheckFailed):
        bad.view.during("roll").endpoints("web").always(three, "at least 3")


def test_a_gap_elsewhere_does_not_matter() -> None:
    other_kind = rollout(4, 3).gap("Pod", 4.5, 5.5)
    other_kind.view.during("roll").endpoints("web").always(three, "at least 3")
    other_time = rollout(4, 3).gap("EndpointSlice", 0.1, 0.5)
    other_time.view.during("roll").endpoints("web").always(three, "at least 3")


def test_eventually_and_finally_differ() -> None:
    line = rollout(5, 3).view.during("roll").endpoints("web")
    line.eventually(lambda ready: len(ready) == 5, "5 ready endpoints")
    with pytest.raises(CheckFailed, match="in the end"):
        line.finally_(lambda ready: len(ready) == 5, "5 ready endpoints")
    line.finally_(lambda ready: len(ready) == 3, "3 ready endpoints")


def test_never() -> None:
    line = rollout(5, 3).view.during("roll").endpoints("web")
    line.never(lambda ready: len(ready) > 5, "more than 5 ready endpoints")
    with pytest.raises(CheckFailed, match="never more than 4"):
        line.never(lambda ready: len(ready) > 4, "more than 4 ready endpoints")


def test_values_are_the_different_ones() -> None:
    line = rollout(3, 4, 4, 3).view.during("roll").endpoints("web")
    assert [len(moment.value) for moment in line.values()] == [3, 4, 3]


def test_pods_are_found_through_their_replica_set_even_after_it_is_gone() -> None:
    made = Builder().begin("apply")
    made.change("added", thing("Deployment", "web"))
    made.change("added", thing("ReplicaSet", "web-1", owner=("Deployment", "web")))
    made.change("added", pod("web-1-a", owner=("ReplicaSet", "web-1")))
    made.change("added", pod("stranger"))
    made.change("deleted", thing("ReplicaSet", "web-1", owner=("Deployment", "web")))
    names = [p["metadata"]["name"] for p in made.view.during("apply").pods("Deployment/web").last]
    assert names == ["web-1-a"]
    assert len(made.view.during("apply").pods().last) == 2


def test_a_terminating_pod_is_not_ready() -> None:
    made = Builder().begin("apply")
    made.change("added", pod("a", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    assert made.view.ready_pods().last == []


def test_endpoints_that_are_not_ready_do_not_count() -> None:
    piece = slice_of("web", "a", "b")
    piece["endpoints"][0]["conditions"] = {"ready": False, "serving": True}
    made = Builder().begin("apply").change("added", piece)
    assert [endpoint.pod for endpoint in made.view.endpoints("web").last] == ["b"]


def test_an_unknown_step_is_the_courses_fault_not_the_learners() -> None:
    with pytest.raises(CourseError, match="no step 'rol'"):
        rollout(3).view.during("rol")


def test_events() -> None:
    made = Builder().begin("apply")
    made.change("added", event("Pod/a", "FailedScheduling", "0/2 nodes are available"))
    events = made.view.during("apply").events(about="Pod/*", reason="FailedScheduling")
    events.some(text="0/2 nodes")
    with pytest.raises(CheckFailed):
        events.some(text="Insufficient")
    with pytest.raises(CheckFailed):
        events.none()
    made.view.events(about="Job/*").none()


def test_answers() -> None:
    view = Builder().answer().view
    view.answers(verb="apply").all_accepted()
    with pytest.raises(CheckFailed):
        view.answers(verb="apply").refused()
    refused = Builder().answer(code=422, reason="Invalid", message="spec.replicas: Invalid").view
    refused.answers().refused("spec.replicas")
    with pytest.raises(CheckFailed, match=r"Service/web to be accepted"):
        refused.answers().all_accepted()
    with pytest.raises(CheckFailed, match="none was made"):
        Builder().view.answers().all_accepted()
