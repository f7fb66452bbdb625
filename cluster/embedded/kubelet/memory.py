"""How much memory a simulated container takes, how much it may take, and when it is killed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cluster.model import ServerModel
from cluster.quantity import number, number_or

Json = dict[str, Any]

PEAK_AT = 0.9
"""The part of the loading time after which the peak is reached."""
WARM_UP_AT = 0.95
"""The part after which a batch for warming up runs, where the model has one before it is ready."""
UNDECLARED = 16 * 2.0**20
"""Reported for a server whose memory is not declared."""


@dataclass(frozen=True)
class Need:
    """A server's memory in bytes and seconds, with the batch size that its container asks for."""

    load_seconds: float
    load: float
    rest: float
    working: float
    working_from: float
    leak_per_second: float

    @classmethod
    def of(cls, server: ServerModel, variables: dict[str, str]) -> Need | None:
        """From a model and a container's environment; None where no memory is declared."""
        memory = server.memory
        if memory.load is None and memory.rest is None:
            return None
        rest = number(memory.rest or "0")
        told = variables.get(memory.batch_env, "").strip()
        batch = int(told) if told.isdigit() else memory.batch
        early = memory.first_batch == 0
        return cls(
            load_seconds=server.load,
            load=max(number(memory.load or "0"), rest),
            rest=rest,
            working=rest + batch * number(memory.per_item),
            working_from=server.load * WARM_UP_AT if early else server.load + memory.first_batch,
            leak_per_second=number(memory.leak_per_minute) / 60,
        )

    def exceeds_at(self, room: float) -> float | None:
        """The age at which it needs more than `room`; None where it never does."""
        if self.load > room:
            return self.load_seconds * PEAK_AT
        if self.working > room:
            return self.working_from
        if self.leak_per_second > 0 and not math.isinf(room):
            return self.working_from + (room - self.working) / self.leak_per_second
        return None

    def at(self, age: float) -> float:
        """What it holds at this age."""
        if age < self.load_seconds * PEAK_AT:
            return self.load * age / (self.load_seconds * PEAK_AT)
        if age >= self.working_from and age >= self.load_seconds:
            return self.working + self.leak_per_second * (age - self.working_from)
        return self.load if age < self.load_seconds else self.rest


def limit(resources: Json | None, name: str) -> float:
    """A limit from a `resources` field as a number; infinite where there is none."""
    return number_or(((resources or {}).get("limits") or {}).get(name), math.inf)


def rest_of(server: ServerModel | None) -> float:
    """What a server holds when it has nothing to do."""
    return number_or(server.memory.rest, 0.0) if server is not None else 0.0
