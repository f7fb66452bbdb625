from __future__ import annotations

import threading

import pytest

from grader.errors import MachineError
from grader.observe.names import Names
from grader.observe.recorder import Limits, Recorder
from tests.grader.observe.samples import an_object

NAMES = Names({"ml": "ml-abc234"})


def test_order_is_that_of_versions_not_of_arrival() -> None:
    recorder = Recorder(NAMES)
    for name, version in (("late", 30), ("early", 10), ("between", 20)):
        recorder.see("Pod", "added", an_object("Pod", name, version), version, 100)
    assert [c.object["metadata"]["name"] for c in recorder.in_order()] == [
        "early",
        "between",
        "late",
    ]


def test_names_are_mapped_back_and_secrets_hashed() -> None:
    recorder = Recorder(NAMES)
    secret = an_object("Secret", "key", namespace="ml-abc234", data={"token": "c2VjcmV0"})
    recorder.see("Secret", "added", secret, 5, 100)
    found = recorder.changes[0].object
    assert found["metadata"]["namespace"] == "ml"
    assert "c2VjcmV0" not in str(recorder.changes) + str(recorder.state)
    assert recorder.find("Secret", "key", "ml") == found


def test_hidden_objects_are_known_but_not_recorded() -> None:
    recorder = Recorder(NAMES, hides=lambda obj: obj["metadata"]["name"] == "ours")
    recorder.see("ResourceQuota", "added", an_object("ResourceQuota", "ours"), 5, 100)
    assert recorder.changes == []
    assert recorder.find("ResourceQuota", "ours", "ml") is not None


def test_an_event_that_expires_has_happened_all_the_same() -> None:
    recorder = Recorder(NAMES)
    event = an_object("Event", "web.1")
    recorder.see("Event", "added", event, 5, 100)
    recorder.see("Event", "deleted", event, 9, 100)
    assert [change.verb for change in recorder.changes] == ["added"]


def test_seen_means_this_version_or_later_or_gone() -> None:
    recorder = Recorder(NAMES)
    recorder.see("Pod", "added", an_object("Pod", "a", 10), 10, 100)
    key = ("ml", "a")
    assert recorder.has_seen("Pod", key, 10)
    assert not recorder.has_seen("Pod", key, 11)
    assert not recorder.has_seen("Pod", ("ml", "b"), 1)
    recorder.see("Pod", "deleted", an_object("Pod", "a", 12), 12, 100)
    assert recorder.has_seen("Pod", key, 11)
    assert not recorder.has_seen("Pod", key, 13)


@pytest.mark.parametrize("limits", [Limits(changes=3), Limits(size=350)])
def test_memory_is_bounded(limits: Limits) -> None:
    recorder = Recorder(NAMES, limits=limits)
    for version in range(1, 100):
        recorder.see("Pod", "modified", an_object("Pod", "a", version), version, 100)
    assert len(recorder.changes) == 4
    with pytest.raises(MachineError, match="grew beyond"):
        recorder.raise_fault()


def test_waiting_ends_with_the_change_or_the_fault() -> None:
    recorder = Recorder(NAMES)
    seen = threading.Timer(
        0.02, lambda: recorder.see("Pod", "added", an_object("Pod", "a"), 1, 100)
    )
    seen.start()
    assert recorder.wait(lambda: bool(recorder.changes), 10)
    assert not recorder.wait(lambda: False, 0.01)
    threading.Timer(0.02, lambda: recorder.lost("The API server is silent.")).start()
    with pytest.raises(MachineError, match="silent"):
        recorder.wait(lambda: False, 10)


def test_blind_spots_are_told_in_seconds_of_the_recording() -> None:
    recorder = Recorder(NAMES)
    zero = recorder.last_change
    recorder.blind("Pod", zero - 5, zero + 2)
    gap = recorder.gaps[0]
    assert (gap.since, gap.until, gap.kind) == (0.0, 2.0, "Pod")
