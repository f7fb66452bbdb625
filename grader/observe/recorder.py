"""What one run has seen: its changes, and the state that they add up to now."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from grader.errors import MachineError
from grader.model.recording import Change, Gap, Object, Verb
from grader.observe.names import Names
from grader.observe.noise import only_measured, without_secrets
from grader.observe.watch import Key, key_of

State = dict[str, dict[Key, Object]]
"""Objects by kind, then by namespace and name, under the lab's names."""

_ROUTINE = frozenset({"Event", "Node", "ResourceQuota", "LimitRange"})
"""Kinds whose changes do not mean that a controller is still at work."""


@dataclass(frozen=True)
class Limits:
    """How much one recording may hold before the run is given up."""

    changes: int = 20_000
    size: int = 96 * 1024 * 1024


class Recorder:
    """Collects what the watches deliver for one run. Safe for threads.

    Waiters use `changed`, which is notified at every change. `hides` names objects that are the
    grader's own: they are part of the state but not of the recording.
    """

    def __init__(
        self,
        names: Names,
        hides: Callable[[Object], bool] | None = None,
        retouch: Callable[[Object], Object] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.changed = threading.Condition()
        self.state: State = {}
        self.changes: list[Change] = []
        self.gaps: list[Gap] = []
        self.fault = ""
        self.seen = 0
        self.last_change = self._zero = time.monotonic()
        self._names = names
        self._hides = hides
        self._retouch = retouch
        self._limits = limits or Limits()
        self._size = 0
        self._secret_key = secrets.token_bytes(32)

    def clock(self) -> float:
        """Seconds since the recording began."""
        return round(time.monotonic() - self._zero, 4)

    # Subscriber

    def see(self, kind: str, verb: Verb, obj: Object, version: int, size: int) -> None:
        """Take in one change."""
        mine: Object = self._names.back(without_secrets(obj, self._secret_key))
        if self._retouch is not None:
            mine = self._retouch(mine)
        routine = kind in _ROUTINE
        hidden = self._hides is not None and self._hides(mine)
        with self.changed:
            objects = self.state.setdefault(kind, {})
            if verb == "deleted":
                objects.pop(key_of(mine), None)
            else:
                routine = routine or only_measured(objects.get(key_of(mine)), mine)
                objects[key_of(mine)] = mine
            self.seen += 1
            if not routine:
                self.last_change = time.monotonic()
            # An Event that expires, or goes with its namespace, happened all the same.
            forgotten = kind == "Event" and verb == "deleted"
            if not forgotten and not hidden and not self.fault:
                self.changes.append(Change(self.clock(), version, verb, mine))
                self._count(size)
            self.changed.notify_all()

    def blind(self, kind: str, since: float, until: float) -> None:
        """Take in that a watch has missed something."""
        with self.changed:
            begin = max(0.0, round(since - self._zero, 4))
            self.gaps.append(Gap(begin, round(until - self._zero, 4), kind))

    def lost(self, why: str) -> None:
        """A watch is broken for good: the recording ends here."""
        with self.changed:
            self.fault = self.fault or why
            self.changed.notify_all()

    def _count(self, size: int) -> None:
        self._size += size
        if len(self.changes) > self._limits.changes or self._size > self._limits.size:
            self.fault = (
                f"The recording grew beyond {self._limits.changes} changes or "
                f"{self._limits.size // 1024 // 1024} MiB and was stopped."
            )

    # For those who wait

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds; False if it did not in time. Raises on a fault."""
        with self.changed:
            done = self.changed.wait_for(lambda: bool(self.fault) or condition(), seconds)
            self.raise_fault()
            return done

    def raise_fault(self) -> None:
        """Raise MachineError if the recording is broken."""
        if self.fault:
            raise MachineError(self.fault)

    def has_seen(self, kind: str, key: Key, version: int) -> bool:
        """Whether the object's state of this version, a later one or its end was delivered."""
        obj = self.state.get(kind, {}).get(key)
        if obj is None:
            return any(
                change.version >= version and key_of(change.object) == key
                for change in reversed(self.changes)
                if change.object.get("kind") == kind
            )
        return int(obj["metadata"].get("resourceVersion") or 0) >= version

    def find(self, kind: str, name: str, namespace: str) -> Object | None:
        """An object as it is now."""
        return self.state.get(kind, {}).get((namespace, name))

    def in_order(self) -> list[Change]:
        """All changes in the order in which the cluster made them."""
        with self.changed:
            return sorted(self.changes, key=lambda change: change.version)
