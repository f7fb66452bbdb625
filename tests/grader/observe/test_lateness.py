"""Containers that start late: the machine's fault, unless an image or a volume explains it."""

from __future__ import annotations

from typing import Any

from grader.model.recording import Change
from grader.observe.lateness import late_start

Json = dict[str, Any]


def pod(at: float, name: str = "a", **status: Any) -> Change:
    value = {
        "kind": "Pod",
        "metadata": {"uid": name, "name": name, "namespace": "ml"},
        "spec": {"nodeName": "worker"},
        "status": status,
    }
    return Change(at, int(at * 10) + 1, "modified", value)


def event(at: float, reason: str, about: str = "a") -> Change:
    value = {
        "kind": "Event",
        "metadata": {"name": f"{about}.{reason}"},
        "reason": reason,
        "involvedObject": {"kind": "Pod", "uid": about},
    }
    return Change(at, int(at * 10) + 2, "added", value)


RUNNING: Json = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
WAITING: Json = {"containerStatuses": [{"name": "c", "state": {"waiting": {}}}]}


def test_a_prompt_start_says_nothing() -> None:
    assert late_start([pod(1), pod(3, **RUNNING), event(9, "Unhealthy")], 200) == ""


def test_a_late_start_is_told() -> None:
    said = late_start([pod(1), pod(4, **WAITING), pod(41, **RUNNING)], 200)
    assert said == "40 s went by from Pod a's node to its first process"


def test_what_has_not_started_yet_counts_until_now() -> None:
    assert "199 s" in late_start([pod(1)], 200)
    assert late_start([pod(190)], 200) == ""


def test_images_and_volumes_on_their_way_explain_it() -> None:
    for reason in ("Pulling", "FailedMount", "Failed"):
        assert late_start([pod(1), event(2, reason), pod(41, **RUNNING)], 200) == ""
        assert late_start([pod(1), event(2, reason, "b"), pod(41, **RUNNING)], 200)


def test_a_pod_that_was_taken_away_does_not_wait_for_ever() -> None:
    leaving = pod(5)
    leaving.object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert late_start([pod(1), leaving], 200) == ""


def test_pods_that_bear_one_name_in_turn_are_told_apart() -> None:
    def named(found: Change) -> Change:
        found.object["metadata"]["name"] = "ranker-0"
        return found

    first = [pod(1, "a"), pod(41, "a", **RUNNING)]
    second = [pod(60, "b"), pod(62, "b", **RUNNING)]
    said = late_start([named(change) for change in (*first, *second)], 200)
    assert said == "40 s went by from Pod ranker-0's node to its first process"


def test_an_init_container_is_a_process_too() -> None:
    first = {"initContainerStatuses": [{"name": "i", "state": {"running": {}}}]}
    assert late_start([pod(1), pod(3, **first), pod(90, **RUNNING)], 200) == ""
