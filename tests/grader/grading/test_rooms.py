"""Plays that share nodes: none is judged by what its neighbours took."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.grading.rooms import Room, is_crowded
from grader.model.recording import Change, Recording
from tests.grader.judge.build import Builder


def recorded(reason: str, message: str) -> Recording:
    event = {"kind": "Event", "metadata": {"name": "e"}, "reason": reason, "message": message}
    recording = Builder().recording
    recording.changes.append(Change(1.0, 1, "added", event))
    return recording


@pytest.mark.parametrize(
    ("reason", "message", "crowded"),
    [
        ("FailedScheduling", "0/3 nodes are available: 2 Insufficient cpu.", True),
        ("FailedScheduling", "0/3 nodes are available: 3 Too many pods.", True),
        ("FailedScheduling", "0/3 nodes are available: 3 node(s) had untolerated taint", False),
        ("FailedCreate", "Insufficient quota", False),
    ],
)
def test_a_pod_without_room_makes_a_recording_worthless(
    reason: str, message: str, crowded: bool
) -> None:
    assert is_crowded(recorded(reason, message)) is crowded


def test_who_wants_to_be_alone_is_alone_and_nobody_is_forgotten() -> None:
    room, lock = Room(at_once=3), threading.Lock()
    inside = most = 0
    seen_alone: list[int] = []

    def play(number: int) -> None:
        nonlocal inside, most
        with room.beside_others():
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
        if number % 3 == 0:
            with room.alone(), lock:
                seen_alone.append(inside)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(play, range(60)))
    assert most <= 3
    assert seen_alone == [0] * 20
