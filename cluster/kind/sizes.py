"""Nodes as large as a spec says, or all by the same factor smaller where the machine is.

A kubelet offers its Pods what the machine has, less what it is told to keep for the system. So a
node of any smaller size is made by reserving the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.model import NodeSpec
from cluster.quantity import number

DIVISORS = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500, 1000)
"""By these, whole CPUs stay whole thousandths, which is as fine as Kubernetes counts."""

OWN_CPU, OWN_MEMORY = 0.1, 64 << 20
"""What a node's own Pods (its network) request at most, offered on top of the spec's size."""


@dataclass(frozen=True)
class Machine:
    """What the engine's machine has: processors, and bytes of memory."""

    cpus: int
    memory: int


def divisor(nodes: tuple[NodeSpec, ...], machine: Machine) -> int:
    """The smallest of DIVISORS by which every node fits the machine."""
    room_cpu, room_memory = machine.cpus - OWN_CPU, machine.memory - OWN_MEMORY
    needed = max(
        [1.0]
        + [number(node.cpu) / room_cpu for node in nodes]
        + [number(node.memory) / room_memory for node in nodes]
    )
    return next((one for one in DIVISORS if one >= needed), DIVISORS[-1])


def reserved(node: NodeSpec, machine: Machine, by: int, own: tuple[float, int]) -> str:
    """The kubelet's `system-reserved` for this node; `own` is what its own Pods request."""
    cpu = machine.cpus * 1000 - math.ceil(number(node.cpu) * 1000 / by) - round(own[0] * 1000)
    # A few bytes more than exactly, since each Pod's share is rounded up to a whole byte.
    memory = (machine.memory - math.ceil(number(node.memory) / by) - own[1] >> 10) - 1
    return f"cpu={max(0, cpu)}m,memory={max(0, memory)}Ki"
