"""One simulated Pod: its init containers in order, then its containers, then its end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from cluster.embedded.kubelet.containers import Container, Phase
from cluster.embedded.kubelet.facts import Event, Surroundings
from cluster.model import ServerModel

Json = dict[str, Any]

FINISH = "sim.mlk8s.dev/finish"
"""Annotation: the exit code with which the Pod's containers end now (for finite work)."""


@dataclass
class Node:
    """What the kubelet of one node knows."""

    name: str
    address: str
    pod_range: str
    pulled: set[str] = field(default_factory=set)


class Pod:
    """The state machine of one Pod. Drive it with `advance` whenever `next_at` has come.

    Times are seconds of a real machine ("life time"), as for containers.
    """

    def __init__(
        self, manifest: Json, node: Node, ip: str, servers: tuple[ServerModel, ...], now: float
    ) -> None:
        metadata, spec = manifest["metadata"], manifest["spec"]
        self.manifest = manifest
        self.node = node
        self.ip = node.address if spec.get("hostNetwork") else ip
        self.created = now
        self.deleting_at = math.inf
        self.gone = False
        self.changes: dict[str, tuple[str, float]] = {}
        """Condition type -> (status, when it became so)."""
        self._around = Surroundings(
            servers=servers,
            pod_name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            ip=self.ip,
            restart_policy=spec.get("restartPolicy") or "Always",
            pulled=node.pulled,
        )
        self.init = [Container(c, self._around, True) for c in spec.get("initContainers") or []]
        self.main = [Container(c, self._around) for c in spec["containers"]]
        if self.init:
            for container in self.main:
                container.reason = "PodInitializing"
        self.update(manifest, now)

    @property
    def containers(self) -> list[Container]:
        """Init containers and containers, in order."""
        return [*self.init, *self.main]

    @property
    def next_at(self) -> float:
        """When something is due next; infinite where nothing is."""
        return min(container.next_at for container in self.containers)

    @property
    def initialized(self) -> bool:
        """Whether all init containers have done their part."""
        return all(c.started if c.sidecar else c.done_well for c in self.init)

    @property
    def phase(self) -> str:
        """The Pod's phase as a kubelet reports it."""
        if any(c.done and not c.done_well for c in self.init if not c.sidecar):
            return "Failed"
        if all(container.done for container in self.main):
            return "Succeeded" if all(c.done_well for c in self.main) else "Failed"
        if not self.initialized and not any(c.running for c in self.main):
            return "Pending"
        begun = [c for c in self.main if c.running or c.done or c.last or c.ended]
        return "Running" if len(begun) == len(self.main) else "Pending"

    @property
    def ready(self) -> bool:
        """Whether every container counts as ready."""
        return self.initialized and all(c.ready for c in self.main) and self._sidecars_ready

    @property
    def _sidecars_ready(self) -> bool:
        return all(container.ready for container in self.init if container.sidecar)

    def update(self, manifest: Json, now: float) -> None:
        """Take in a changed Pod: deletion, another image, a wish to finish."""
        self.manifest = manifest
        metadata, spec = manifest["metadata"], manifest["spec"]
        wanted = {c["name"]: c for c in [*(spec.get("initContainers") or []), *spec["containers"]]}
        for container in self.containers:
            if container.name in wanted:
                container.change_image(str(wanted[container.name].get("image") or ""), now)
        code = (metadata.get("annotations") or {}).get(FINISH)
        if code is not None:
            for container in self.main:
                container.finish(_exit_code(code), now)
        if metadata.get("deletionTimestamp") and math.isinf(self.deleting_at):
            self.deleting_at = now
            grace = metadata.get("deletionGracePeriodSeconds")
            for container in self.containers:
                container.stop(now, float(30 if grace is None else grace))

    def learn(self, servers: tuple[ServerModel, ...], now: float) -> None:
        """The simulated servers changed."""
        self._around.servers = servers
        for container in self.containers:
            container.learn(now)

    def resume(self, started_at: dict[str, float], now: float) -> None:
        """Take up a Pod that an earlier kubelet process began, from its reported status.

        `started_at` maps container names to the life time of their start.
        """
        status = self.manifest.get("status") or {}
        reported = [
            *(status.get("initContainerStatuses") or []),
            *(status.get("containerStatuses") or []),
        ]
        by_name = {container.name: container for container in self.containers}
        for entry in reported:
            if container := by_name.get(entry.get("name")):
                container.resume(entry, started_at.get(container.name, now), now)

    def advance(self, now: float) -> list[Event]:
        """Do everything that is due by now; returns what the kubelet says about it."""
        while True:
            if math.isinf(self.deleting_at):
                self._begin(now)
            due = [container for container in self.containers if container.next_at <= now]
            if not due:
                break
            for container in due:
                container.advance(now)
            self._end_sidecars(now)
        if not math.isinf(self.deleting_at) and not any(c.running for c in self.containers):
            self.gone = True
        events = [event for container in self.containers for event in container.events]
        for container in self.containers:
            container.events.clear()
        return events

    def _begin(self, now: float) -> None:
        for container in self.init:
            container.begin(now)
            if not (container.started if container.sidecar else container.done_well):
                return
        for container in self.main:
            if container.reason == "PodInitializing":
                container.reason = "ContainerCreating"
            container.begin(now)

    def _end_sidecars(self, now: float) -> None:
        if all(container.done for container in self.main):
            for container in self.init:
                if container.sidecar and container.phase is Phase.RUNNING:
                    container.around.restart_policy = "Never"
                    container.stop(now, 30.0)


def _exit_code(text: str) -> int:
    try:
        return int(text) & 0xFF
    except ValueError:
        return 1
