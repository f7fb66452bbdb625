"""Services without endpoints: whom they select, and at which port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grader.judge.causes.cause import Cause
from grader.judge.causes.scene import Scene, namespace_of, pod_spec, template_labels, title
from grader.judge.language.expectation import show
from grader.model.recording import Object
from grader.model.selectors import selects_by_map


def ready_endpoints(scene: Scene, service: Object) -> tuple[int, bool]:
    """How many ready addresses the Service has, and whether they have a port."""
    count, ports = 0, False
    for piece in scene.in_namespace("EndpointSlice", namespace_of(service)):
        labels = piece["metadata"].get("labels") or {}
        if labels.get("kubernetes.io/service-name") != service["metadata"]["name"]:
            continue
        ready = [
            entry
            for entry in piece.get("endpoints") or []
            if (entry.get("conditions") or {}).get("ready") is not False
        ]
        count += len(ready)
        ports = ports or bool(ready and piece.get("ports"))
    return count, ports


def selector_of(service: Object) -> dict[str, str]:
    """The Service's selector, empty where it has none."""
    return dict((service.get("spec") or {}).get("selector") or {})


def services_of(scene: Scene, workload: Object) -> list[Object]:
    """Services that select the workload's Pods."""
    labels = template_labels(workload)
    return [
        service
        for service in scene.in_namespace("Service", namespace_of(workload))
        if selects_by_map(selector_of(service), labels)
    ]


def misdirected(scene: Scene, service: Object) -> Iterator[Cause]:
    """A Service whose selector no Pod carries, or whose port no selected Pod has."""
    selector = selector_of(service)
    count, ports = ready_endpoints(scene, service)
    name, namespace = service["metadata"]["name"], namespace_of(service)
    if not selector or (count and ports):
        return
    here = [found for found in scene.workloads() if namespace_of(found) == namespace]
    selected = [found for found in here if selects_by_map(selector, template_labels(found))]
    since = scene.since(service, lambda seen: selector_of(seen) == selector)
    if not selected:
        carried = _carried(here)
        what = f"Service {name} selects {show(selector)}, which no Pod carries"
        yield Cause(
            "selector",
            title(service),
            namespace,
            "spec.selector",
            what,
            f"the Pods carry {carried}" if carried else "",
            "selector",
            since,
        )
    elif count and (unknown := _unknown_ports(service, selected)):
        what = f"Service {name} leads to port {unknown[0]}, which no container of its Pods names"
        yield Cause("port", title(service), namespace, "spec.ports", what, "", "ports", since)


def _unknown_ports(service: Object, selected: list[Object]) -> list[str]:
    """targetPorts by name that no selected workload declares."""
    named = {
        port.get("name")
        for found in selected
        for container in pod_spec(found).get("containers") or []
        for port in container.get("ports") or []
    }
    wanted: list[Any] = [
        port.get("targetPort") for port in (service.get("spec") or {}).get("ports") or []
    ]
    return [str(port) for port in wanted if isinstance(port, str) and port not in named]


def _carried(workloads: list[Object]) -> str:
    """The labels of the Pods there are, each set once."""
    sets = [show(_lasting(template_labels(found))) for found in workloads if template_labels(found)]
    return " or ".join(dict.fromkeys(sets))


def _lasting(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in sorted(labels.items()) if not key.endswith("-hash")}
