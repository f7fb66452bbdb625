"""Nodes that a machine is large enough for, or that are made smaller by one factor."""

from __future__ import annotations

from cluster.kind.sizes import DIVISORS, Machine, divisor, reserved
from cluster.model import NodeSpec
from cluster.quantity import number

GIB = 1 << 30
BIG = (NodeSpec(name="cpu", cpu="8", memory="32Gi"), NodeSpec(name="gpu", cpu="64", memory="512Gi"))


def test_one_divisor_fits_every_node_and_keeps_whole_cpus_exact() -> None:
    for machine in (Machine(2, 23 * GIB), Machine(4, 8 * GIB), Machine(16, 64 * GIB)):
        by = divisor(BIG, machine)
        assert by in DIVISORS
        assert 1000 % by == 0
        for node in BIG:
            assert number(node.cpu) / by < machine.cpus
            assert number(node.memory) / by < machine.memory


def test_a_machine_that_is_large_enough_keeps_the_sizes() -> None:
    assert divisor(BIG, Machine(128, 1024 * GIB)) == 1
    assert divisor((), Machine(1, GIB)) == 1


def test_what_is_not_reserved_is_the_nodes_size_and_its_own_pods() -> None:
    machine = Machine(2, 24684092 << 10)
    kept = reserved(BIG[0], machine, 40, (0.01, 16 << 20))
    cpu, memory = (part.partition("=")[2] for part in kept.split(","))
    assert 2000 - number(cpu) * 1000 == 8000 / 40 + 10
    offered = machine.memory - number(memory) - (16 << 20)
    assert 0 < offered - 32 * GIB / 40 < 4096
