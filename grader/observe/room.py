"""Whether a machine has the room that a lab's nodes would have, and how much smaller it is.

A lab may be written for nodes of 8 CPUs and be played on a laptop of two. In the sandbox all
amounts are made smaller then, by one factor; in the learner's own namespace nothing is changed, and
what stays Pending for want of room there proves nothing about the learner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cluster.kind.sizes import DIVISORS
from cluster.model import NodeSpec
from grader.model.quantity import quantity

Object = dict[str, Any]
Room = dict[str, float]
"""CPUs and bytes of memory, under `cpu` and `memory`."""

RESOURCES = ("cpu", "memory")
SPARE = 0.85
"""The part of the machine that a run may count on: the cluster's own Pods need some."""


def divisor(
    objects: Iterable[Object],
    nodes: Iterable[Object],
    nominal: Iterable[NodeSpec],
    at_once: int = 1,
) -> int:
    """By what to divide the amounts of these manifests so that they find room on these nodes, also
    when `at_once` runs of their kind share them.

    1 where they do as they are. Never more than what makes the lab's own nodes fit, for each run:
    what is too large for those is to stay Pending.
    """
    rooms, meant = _rooms(nodes), _nominal(nominal)
    if not rooms or not meant:
        return 1
    wishes = [wish for obj in objects for wish in _wishes(obj)]
    needed, most = 1.0, 1.0
    for resource in RESOURCES:
        largest, whole = _both(rooms, resource)
        if largest <= 0 or not wishes:
            return 1
        one = max(each[resource] for _, each in wishes)
        together = at_once * sum(count * each[resource] for count, each in wishes)
        needed = max(needed, one / largest / SPARE, together / whole / SPARE)
        meant_largest, meant_whole = _both(meant, resource)
        most = max(most, meant_largest / largest / SPARE, at_once * meant_whole / whole / SPARE)
    wanted = min(needed, most)
    return next((one for one in DIVISORS if one >= wanted), DIVISORS[-1])


def too_small(
    pods: Iterable[Object], nodes: Iterable[Object], nominal: Iterable[NodeSpec], command: str
) -> str:
    """Why what waits for room here says nothing about the learner, in one sentence; or nothing.

    `command` plays the lab with smaller amounts.
    """
    rooms, meant = _rooms(nodes), _nominal(nominal)
    if not rooms or not meant:
        return ""
    asked = [(pod, _of_pod(pod.get("spec") or {})) for pod in pods]
    for pod, wish in asked:
        said = _unscheduled(pod)
        for resource in RESOURCES:
            if f"Insufficient {resource}" not in said:
                continue
            largest, whole = _both(rooms, resource)
            meant_largest, meant_whole = _both(meant, resource)
            together = sum(each[resource] for _, each in asked)
            would_fit = wish[resource] <= meant_largest and together <= meant_whole
            if would_fit and (largest < meant_largest or whole < meant_whole):
                name = f"Pod/{pod['metadata']['name']}"
                return (
                    f"{name} found no room ({said}), and this machine is smaller than the lab's: "
                    f"its largest node has {_words(resource, largest)}. `{command}` plays the lab "
                    "with smaller amounts"
                )
    return ""


def fits(node: Object, pod: Object, others: Iterable[Object]) -> bool:
    """Whether a node with these Pods on it has the CPU and memory that another one requests."""
    offered = (node.get("status") or {}).get("allocatable") or {}
    free = _room_of(offered.get("cpu"), offered.get("memory"))
    taken = [_of_pod(other.get("spec") or {}) for other in others]
    wish = _of_pod(pod.get("spec") or {})
    return all(
        wish[resource] + sum(each[resource] for each in taken) <= free[resource] + 1e-9
        for resource in RESOURCES
    )


def _words(resource: str, amount: float) -> str:
    return f"{amount:g} CPU" if resource == "cpu" else f"{amount / (1 << 30):.1f} GiB of memory"


def _unscheduled(pod: Object) -> str:
    """What the scheduler says of a Pod that it cannot place."""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message") or "").rstrip(".")
    return ""


def _rooms(nodes: Iterable[Object]) -> list[Room]:
    """What each node offers that takes any Pod."""
    found = []
    for node in nodes:
        taints = (node.get("spec") or {}).get("taints") or []
        offered = (node.get("status") or {}).get("allocatable") or {}
        if all(taint.get("effect") == "PreferNoSchedule" for taint in taints):
            found.append(_room_of(offered.get("cpu"), offered.get("memory")))
    return found


def _nominal(nodes: Iterable[NodeSpec]) -> list[Room]:
    return [_room_of(node.cpu, node.memory) for node in nodes if not node.taints]


def _both(rooms: list[Room], resource: str) -> tuple[float, float]:
    """The largest node, and all of them together."""
    return max(room[resource] for room in rooms), sum(room[resource] for room in rooms)


def _room_of(cpu: Any, memory: Any) -> Room:
    return {"cpu": _amount(cpu), "memory": _amount(memory)}


def _amount(text: Any) -> float:
    try:
        return max(0.0, float(quantity(text).value)) if text is not None else 0.0
    except (ValueError, TypeError):
        return 0.0


def _wishes(obj: Object) -> Iterator[tuple[int, Room]]:
    """How many Pods a manifest makes at most at a time, and what each requests."""
    kind, spec = obj.get("kind"), _mapping(obj.get("spec"))
    if kind == "Pod":
        yield 1, _of_pod(spec)
    elif kind == "CronJob":
        yield 1, _of_pod(_below(spec, "jobTemplate", "spec", "template", "spec"))
    elif kind == "Job":
        yield _count(spec.get("parallelism")), _of_pod(_below(spec, "template", "spec"))
    elif kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        # One more than asked for, as while it rolls.
        yield _count(spec.get("replicas")) + 1, _of_pod(_below(spec, "template", "spec"))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 1


def _below(value: Any, *keys: str) -> Object:
    for key in keys:
        value = _mapping(value).get(key)
    return _mapping(value)


def _mapping(value: Any) -> Object:
    return dict(value) if isinstance(value, Mapping) else {}


def _of_pod(spec: Object) -> Room:
    """What a Pod requests: its containers together; a limit alone is a request too."""
    total = {"cpu": 0.0, "memory": 0.0}
    containers = spec.get("containers")
    for container in containers if isinstance(containers, list) else []:
        amounts = _below(container, "resources")
        asked = {**_mapping(amounts.get("limits")), **_mapping(amounts.get("requests"))}
        for resource in RESOURCES:
            total[resource] += _amount(asked.get(resource))
    return total
