"""Amounts of CPU and memory made smaller for a machine that is smaller than what a lab asks for.

One divisor for all: requests, limits, quotas and nodes alike, so that what fits fits, and what does
not does not. What is recorded has the learner's own amounts again: every amount that was sent is
remembered together with what it became.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cluster.model import NodeSpec
from grader.model.quantity import Quantity

Object = dict[str, Any]
Units = int
"""Thousandths of a CPU, or bytes."""

_PER_UNIT = {"cpu": 1000, "memory": 1}
_SMALLEST = {"cpu": 20, "memory": 24 << 20}
"""No amount is made smaller than this, in units: a process needs so much to run at all."""

_HOLDERS = frozenset(
    {
        *("requests", "limits", "hard", "used", "default", "defaultRequest", "max", "min"),
        *("allocatable", "capacity", "allocated", "allocatedResources", "target"),
        *("minAllowed", "maxAllowed", "lowerBound", "upperBound", "uncappedTarget"),
    }
)
"""Mappings whose keys are names of resources."""
_KINDS = frozenset(
    {
        *("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"),
        *("ReplicationController", "ResourceQuota", "LimitRange", "Node"),
        *("HorizontalPodAutoscaler", "VerticalPodAutoscaler"),
    }
)
_IN_TEXT = re.compile(r"\b((?:(?:requests|limits)\.)?(cpu|memory))(=| limit of )([0-9.]+[A-Za-z]*)")


class Sizes:
    """Makes amounts smaller and larger again, for one run. With the divisor 1 it does nothing."""

    def __init__(self, divisor: int = 1, nodes: Iterable[NodeSpec] = ()) -> None:
        self.divisor = divisor
        self._nodes = {node.name: node for node in nodes} if divisor > 1 else {}
        self._small: dict[tuple[str, Units], Units] = {}
        self._texts: dict[tuple[str, Units], str] = {}

    @property
    def factor(self) -> float:
        """What amounts are multiplied by."""
        return 1 / self.divisor

    # From the learner to the cluster

    def learn(self, objects: Iterable[Object]) -> None:
        """Choose what each amount becomes, in the order of their sizes, so that they keep it."""
        if self.divisor == 1:
            return
        found: dict[tuple[str, Units], str] = {}
        for obj in objects:
            for resource, text in _amounts(obj):
                if (units := _units(resource, text)) is not None:
                    found.setdefault((resource, units), str(text))
        for (resource, units), text in sorted(found.items(), key=lambda entry: entry[0]):
            self._choose(resource, units, text)

    def _choose(self, resource: str, units: Units, text: str) -> Units:
        known = self._small.get((resource, units))
        if known is not None:
            return known
        small = max(math.ceil(units / self.divisor), min(units, _SMALLEST[resource]))
        while (resource, small) in self._texts:
            small += 1
        self._small[resource, units] = small
        self._texts[resource, small] = text
        return small

    def to_real(self, obj: Object) -> Object:
        """A manifest as it is applied. What is no amount stays, for the API server to refuse."""
        if self.divisor == 1 or obj.get("kind") not in _KINDS or obj.get("kind") == "Node":
            return obj
        self.learn([obj])
        changed: Object = _replace(obj, self._forward)
        return changed

    def _forward(self, resource: str, text: Any) -> Any:
        units = _units(resource, text)
        return (
            text if units is None else _written(resource, self._choose(resource, units, str(text)))
        )

    # And back

    def back(self, obj: Object) -> Object:
        """An object of the cluster with the learner's amounts."""
        if self.divisor == 1:
            return obj
        if obj.get("kind") == "Event":
            return {**obj, "message": self.text_back(str(obj.get("message") or ""))}
        if obj.get("kind") not in _KINDS:
            return obj
        if obj.get("kind") == "Node":
            return self._node_back(obj)
        changed: Object = _replace(obj, self._backward)
        return changed

    def _backward(self, resource: str, text: Any) -> Any:
        units = _units(resource, text)
        if units is None:
            return text
        known = self._texts.get((resource, units))
        return known if known is not None else _written(resource, units * self.divisor)

    def _node_back(self, node: Object) -> Object:
        """A Node with the size that the lab gives it."""
        spec = self._nodes.get(str((node.get("metadata") or {}).get("name")))
        if spec is None:
            return node
        size = {"cpu": spec.cpu, "memory": spec.memory}
        status = dict(node.get("status") or {})
        for field in ("allocatable", "capacity"):
            if isinstance(status.get(field), dict):
                status[field] = {**status[field], **size}
        return {**node, "status": status}

    def text_back(self, text: str) -> str:
        """A message of the API server with the learner's amounts."""
        if self.divisor == 1:
            return text

        def one(match: re.Match[str]) -> str:
            name, resource, between, amount = match.groups()
            return f"{name}{between}{self._backward(resource, amount)}"

        return _IN_TEXT.sub(one, text)


def _units(resource: str, text: Any) -> Units | None:
    """An amount in units; None for what is none, or is not above zero."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        amount = Quantity(text).value * _PER_UNIT[resource]
    except ValueError:
        return None
    return math.ceil(amount) if amount > 0 else None


def _written(resource: str, units: Units) -> str:
    if resource == "cpu":
        return f"{units}m" if units % 1000 else str(units // 1000)
    for suffix, size in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if units % size == 0 and units:
            return f"{units // size}{suffix}"
    return str(units)


def _resource(key: str) -> str:
    """`cpu` or `memory` where a key means one of them."""
    name = key.removeprefix("requests.").removeprefix("limits.")
    return name if name in _PER_UNIT else ""


def _amounts(value: Any) -> Iterator[tuple[str, Any]]:
    """Every amount of CPU and memory in an object."""
    found: list[tuple[str, Any]] = []

    def note(resource: str, text: Any) -> Any:
        found.append((resource, text))
        return text

    _replace(value, note)
    yield from found


def _replace(value: Any, change: Any, parent: str = "") -> Any:
    """A copy of a JSON value with every amount changed."""
    if isinstance(value, list):
        return [_replace(item, change, parent) for item in value]
    if not isinstance(value, Mapping):
        return value
    copied = {}
    for key, item in value.items():
        resource = _resource(str(key)) if parent in _HOLDERS else ""
        if resource and not isinstance(item, Mapping | list):
            copied[key] = change(resource, item)
        elif key in ("labels", "annotations", "data", "env"):
            copied[key] = item
        else:
            copied[key] = _replace(item, change, str(key))
    _replace_average(copied, change)
    return copied


def _replace_average(metric: dict[Any, Any], change: Any) -> None:
    """The average amount that an autoscaler aims at, or sees, for the resource that is named."""
    resource = metric.get("name")
    for side in ("target", "current"):
        average = metric.get(side)
        known = isinstance(resource, str) and resource in _PER_UNIT
        if known and isinstance(average, dict) and "averageValue" in average:
            value = change(resource, average["averageValue"])
            metric[side] = {**average, "averageValue": value}
