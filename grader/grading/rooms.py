"""Room on a cluster that many plays share: a verdict must not depend on who else is played.

Plays side by side have namespaces of their own, but the nodes are everybody's. A Pod that found no
node because of a neighbour says nothing about its submission. Such a recording is thrown away, and
the submission is played again with the cluster to itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from grader.model.recording import Recording

_SHORT = ("Insufficient ", "Too many pods", "No preemption victims found")


def is_crowded(recording: Recording) -> bool:
    """Whether a Pod did not find a node with enough left: cores, memory, GPUs or places."""
    return any(
        change.object["kind"] == "Event"
        and change.object.get("reason") == "FailedScheduling"
        and any(words in str(change.object.get("message", "")) for words in _SHORT)
        for change in recording.changes
    )


class Room:
    """Lets several plays in at once, or one alone. Safe for threads."""

    def __init__(self, at_once: int) -> None:
        self._changed = threading.Condition()
        self._at_once = at_once
        self._inside = 0
        self._waiting_alone = 0

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """A place for one play, as soon as one is free and nobody waits to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside < self._at_once and not self._waiting_alone)
            self._inside += 1
        try:
            yield
        finally:
            self._leave(1)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The whole room; plays that wait for this go before those that do not."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._waiting_alone -= 1
            self._inside = self._at_once
        try:
            yield
        finally:
            self._leave(self._at_once)

    def _leave(self, places: int) -> None:
        with self._changed:
            self._inside -= places
            self._changed.notify_all()
