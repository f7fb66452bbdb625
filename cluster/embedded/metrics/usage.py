"""What simulated containers use at a moment, from their models and the load on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.embedded.kubelet.containers import Container
from cluster.embedded.kubelet.memory import UNDECLARED, limit
from cluster.embedded.kubelet.pods import Pod

Json = dict[str, Any]


@dataclass(frozen=True)
class Use:
    """CPU in millicores, memory in bytes."""

    cpu: float
    memory: float


def container_use(container: Container, now: float, rate: float) -> Use | None:
    """What a container uses that gets so many requests a second; None while it does not run."""
    server = container.server
    if not container.running or server is None:
        return None
    resources = container.spec.get("resources")
    age = now - container.started_at
    serving = rate if age >= server.load else 0.0
    cpu = server.cpu_idle + serving * server.cpu_per_request
    need = container.need
    memory = UNDECLARED if need is None else need.at(age)
    # CPU is throttled at its limit; memory cannot be above its own for more than a moment.
    return Use(min(cpu, 1000 * limit(resources, "cpu")), min(memory, limit(resources, "memory")))


def pod_use(pod: Pod, now: float, rate: float) -> dict[str, Use] | None:
    """The use of each container; None unless all containers run, as a metrics server has it."""
    uses: dict[str, Use] = {}
    for container in pod.containers:
        use = container_use(container, now, rate)
        if use is not None:
            uses[container.name] = use
        elif not container.init:
            return None
    return uses


def shares(rates: Mapping[str, float], slices: Iterable[Json]) -> dict[str, float]:
    """Requests a second by Pod name: each Service's rate split evenly over its ready endpoints."""
    ready: dict[str, set[str]] = {}
    for found in slices:
        service = (found["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
        for endpoint in found.get("endpoints") or []:
            target = endpoint.get("targetRef") or {}
            if (endpoint.get("conditions") or {}).get("ready") and target.get("kind") == "Pod":
                ready.setdefault(service, set()).add(target["name"])
    share: dict[str, float] = {}
    for service, rate in rates.items():
        pods = ready.get(service, set())
        for name in pods:
            share[name] = share.get(name, 0.0) + rate / len(pods)
    return share
