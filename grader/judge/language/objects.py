"""Whole objects of the submission, and the questions that only they can answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.containers import TCP, Container
from grader.judge.language.expectation import note, show
from grader.judge.language.fields import Field, Node, dig
from grader.model.defaults import with_defaults
from grader.model.manifest import FieldPath, Manifest
from grader.model.paths import format_path
from grader.model.quantity import quantity
from grader.model.selectors import matches, selects_by_map

_POD_SPECS: dict[str, FieldPath] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATE: FieldPath = ("spec", "template", "spec")
_SELECTOR: FieldPath = ("spec", "selector")


class ManifestObject(Node):
    """One object of the submission, with the API server's defaults filled in."""

    manifest: Manifest

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest, with_defaults(manifest.value))

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.manifest.kind

    @property
    def namespace(self) -> str | None:
        """The namespace as written, or None."""
        return self.manifest.namespace

    @property
    def object_name(self) -> str:
        """metadata.name."""
        return self.manifest.name

    @cached_property
    def pod_path(self) -> FieldPath:
        """Where the Pod spec is, for example ("spec", "template", "spec")."""
        return _POD_SPECS.get(self.kind, _TEMPLATE)

    def pod_field(self, path: str) -> Field:
        """A field of the Pod spec, e.g. `nodeSelector.accelerator`."""
        return Node(self.manifest, self.full, self.pod_path).field(path)

    def pod_labels(self) -> dict[str, str]:
        """Labels that the Pods of this workload carry."""
        path = (*self.pod_path[:-1], "metadata", "labels")
        labels = dig(self.full, path)
        return {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}

    def containers(self) -> list[Container]:
        """All containers of the Pod (template), in order; init containers apart."""
        return self._containers("containers")

    def pod_requests(self, resource: str) -> float:
        """What one Pod requests as the scheduler counts it: cores of `cpu`, bytes of `memory`.

        Containers and sidecars are added up; an init container counts with the sidecars before it
        where that is more. What the Pod requests as a whole (`spec.resources`) stands instead of
        the sum. 0 where nothing is requested, or nothing that is a quantity.
        """
        requests, limits = (self.pod_field(f"resources.{word}") for word in ("requests", "limits"))
        every = [*self.containers(), *self.init_containers()]
        if requests.field(resource).value is not None:
            return _number(requests.field(resource).value)
        # The API server takes the whole limit only where no container says what it needs.
        if limits.field(resource).value is not None and not any(
            container.requested(resource).value for container in every
        ):
            return _number(limits.field(resource).value)
        sidecars = before = 0.0
        for container in self.init_containers():
            amount = _amount(container, resource)
            if container.field("restartPolicy").value == "Always":
                sidecars += amount
            else:
                before = max(before, sidecars + amount)
        return max(before, sidecars + sum(_amount(c, resource) for c in self.containers()))

    def init_containers(self) -> list[Container]:
        """All init containers, in order."""
        return self._containers("initContainers")

    def container(self, name: str) -> Container:
        """The container of this name, init containers included; fails where there is none."""
        found = [*self.containers(), *self.init_containers()]
        for container in found:
            if container.container_name == name:
                return container
        names = ", ".join(c.container_name for c in found) or "no container"
        where = self.manifest.where((*self.pod_path, "containers"))
        raise CheckFailed(f"{self.manifest} to have a container called {name}", names, str(where))

    def rollout(self, max_surge: int, max_unavailable: int) -> ManifestObject:
        """The RollingUpdate numbers, as they round for this replica count.

        Percentages round up for maxSurge and down for maxUnavailable (Kubernetes documentation,
        Deployments, "Rolling Update Deployment").
        """
        strategy = self.field("spec.strategy")
        kind = strategy.field("type").value
        if kind != "RollingUpdate":
            expected = f"{self.manifest} to have strategy RollingUpdate"
            raise CheckFailed(expected, show(kind), strategy.field("type").where)
        replicas = int(self.field("spec.replicas").value)
        for name, wanted, rounding in (
            ("maxSurge", max_surge, math.ceil),
            ("maxUnavailable", max_unavailable, math.floor),
        ):
            field = strategy.field(f"rollingUpdate.{name}")
            number = _scaled(field.value, replicas, rounding)
            observed = show(field.value) + ("" if field.written else " (the default)")
            if isinstance(field.value, str):
                observed += (
                    ", a string that is no percentage"
                    if number is None
                    else f", which is {number} of {replicas}"
                )
            if number != wanted:
                raise CheckFailed(f"{self.manifest} to have {name} {wanted}", observed, field.where)
            note(f"{name} is {observed}", field.where)
        return self

    def selects(self, workload: ManifestObject) -> ManifestObject:
        """This Service's (or workload's, or budget's) selector matches the workload's Pods."""
        selector, labels = dig(self.full, _SELECTOR), workload.pod_labels()
        holds = self._matches(labels)
        where = str(self.manifest.where(_SELECTOR))
        if holds and self.namespace != workload.namespace:
            raise CheckFailed(
                f"{self.manifest} in the namespace of {workload.manifest}",
                show(self.namespace),
                where,
            )
        if not holds:
            raise CheckFailed(
                f"the selector of {self.manifest} to match the Pod labels of {workload.manifest},"
                f" {show(labels)}",
                show(selector),
                where,
            )
        note(f"{self.manifest} selects {show(selector)}, Pods carry {show(labels)}", where)
        return self

    def passes_over(self, workload: ManifestObject) -> ManifestObject:
        """This object's selector does not match the workload's Pods, or looks elsewhere."""
        where = str(self.manifest.where(_SELECTOR))
        selector, labels = dig(self.full, _SELECTOR), workload.pod_labels()
        if self._matches(labels) and self.namespace == workload.namespace:
            raise CheckFailed(
                f"the selector of {self.manifest} not to match the Pods of {workload.manifest},"
                f" {show(labels)}",
                show(selector),
                where,
            )
        note(f"{self.manifest} selects {show(selector)}, not {show(labels)}", where)
        return self

    def _matches(self, labels: dict[str, str]) -> bool:
        """Whether this object's selector accepts a Pod's labels."""
        selector = dig(self.full, _SELECTOR)
        if self.kind == "Service":
            return selects_by_map(selector, labels)
        return selector is not None and matches(selector, labels)

    def port(self, number: int) -> ServicePort:
        """The Service's port of this number; fails where there is none.

        One number may be there for TCP and for UDP: then TCP's is meant.
        """
        ports = dig(self.full, ("spec", "ports")) or []
        found = [index for index, port in enumerate(ports) if port.get("port") == number]
        by_tcp = [index for index in found if ports[index].get("protocol") == "TCP"]
        if found:
            return ServicePort(self, ("spec", "ports", (by_tcp or found)[0]))
        seen = ", ".join(str(port.get("port")) for port in ports) or "no port"
        where = str(self.manifest.where(("spec", "ports")))
        raise CheckFailed(f"{self.manifest} to offer port {number}", seen, where)

    def _containers(self, key: str) -> list[Container]:
        return [
            Container(self.manifest, self.full, path, self.pod_path)
            for path in _paths_below(self.full, (*self.pod_path, key))
        ]


class ServicePort(Field):
    """One port of a Service."""

    def __init__(self, service: ManifestObject, path: FieldPath) -> None:
        super().__init__(service.manifest, service.full, path)

    def reaches(self, container: Container, number: int) -> ServicePort:
        """TCP arrives at this port of the container; targetPort names it by number or by name.

        A name is looked for as endpoints are made: in the containers of the Pod in their order,
        then in its sidecars, among ports of the same protocol; the first one counts.
        """
        protocol, target = self.field("protocol").equals(TCP), self.field("targetPort")
        owner = _owner_of_port(container, target.value, str(protocol.value))
        resolved = owner.port_number(target.value, str(protocol.value))
        observed = show(target.value) + ("" if target.written else " (the default: same as port)")
        if isinstance(target.value, str) and resolved != number:
            observed += f", which is {show(resolved)} in container {owner.container_name}"
        if resolved != number:
            raise CheckFailed(
                f"targetPort to reach port {number} of {container.container_name}",
                observed,
                target.where,
            )
        note(
            f"{format_path(self.path)} reaches port {number} by targetPort {observed}", target.where
        )
        return self


def _owner_of_port(container: Container, name: Any, protocol: str) -> Container:
    """The container of the same Pod whose port of this name a Service finds; itself if none."""
    pod = [
        Container(container.manifest, container.full, path, container.pod_path)
        for group in ("containers", "initContainers")
        for path in _paths_below(container.full, (*container.pod_path, group))
    ]
    for other in pod:
        restarts = other.field("restartPolicy").value == "Always"
        runs = other.path[-2] == "containers" or restarts
        for port in other.value.get("ports") or []:
            if runs and (port.get("name"), port.get("protocol", TCP)) == (name, protocol):
                return other
    return container


def _paths_below(full: Mapping[str, Any], path: FieldPath) -> list[FieldPath]:
    found = dig(full, path)
    return [(*path, index) for index in range(len(found) if isinstance(found, list) else 0)]


def _scaled(value: Any, total: int, rounding: Any) -> int | None:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return int(rounding(int(value[:-1]) * total / 100))
    return value if isinstance(value, int) else None


def _amount(container: Container, resource: str) -> float:
    return _number(container.requested(resource).value)


def _number(value: Any) -> float:
    try:
        return float(quantity(value or 0).value)
    except ValueError:
        return 0.0
