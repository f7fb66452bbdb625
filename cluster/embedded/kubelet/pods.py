"""One simulated Pod: its init containers in order, then its containers, then its end."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

from cluster.embedded.kubelet.containers import Container
from cluster.embedded.kubelet.environment import Missing, environment
from cluster.embedded.kubelet.facts import GRACE, Event, Surroundings
from cluster.embedded.kubelet.references import Mounts, Objects, Ref, environment_refs
from cluster.embedded.kubelet.starting import Phase
from cluster.model import ServerModel

Json = dict[str, Any]

FINISH = "sim.mlk8s.dev/finish"
"""Annotation: the exit code with which the Pod's containers end now (for finite work)."""
KILL = "sim.mlk8s.dev/kill"
"""Annotation: `{"container": name, "run": restarts before it, "code": exit code}`: that run of the
container's process ends now."""
DEADLINE = "DeadlineExceeded"
DEADLINE_WORDS = "Pod was active on the node longer than the specified deadline"


@dataclass
class Node:
    """What the kubelet of one node knows."""

    name: str
    address: str
    pod_range: str
    memory: float = math.inf
    """Bytes."""
    pulled: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)


class Pod:
    """The state machine of one Pod. Drive it with `advance` whenever `next_at` has come.

    Times are seconds of a real machine ("life time"), as for containers.
    """

    def __init__(
        self, manifest: Json, node: Node, ip: str, servers: tuple[ServerModel, ...], now: float
    ) -> None:
        spec = manifest["spec"]
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
            pod=manifest,
            ip=self.ip,
            restart_policy=spec.get("restartPolicy") or "Always",
            pulled=node.pulled,
            node_memory=node.memory,
        )
        self._mounts = Mounts(manifest, now)
        self._events: list[Event] = []
        self._looked = False
        self.failed_for = ""
        """Why the Pod as a whole was ended; empty where it was not."""
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
        mounting = self._mounts.next_at if self._may_begin else math.inf
        return min(self._ends_at, mounting, *(c.next_at for c in self.containers))

    @property
    def foreseen(self) -> float:
        """When a container that serves, or works, will end or be killed by its own probe, or the
        Pod by its deadline, if nobody else does anything; infinite where nothing is foreseen."""
        lasting = [*self.main, *(c for c in self.init if c.sidecar)]
        return min(self._ends_at, *(container.ends_at for container in lasting))

    @property
    def _may_begin(self) -> bool:
        return math.isinf(self.deleting_at) and not self.failed_for

    @property
    def _ends_at(self) -> float:
        """When its active deadline has passed; infinite where it has none or is over."""
        seconds = self.manifest["spec"].get("activeDeadlineSeconds")
        if seconds is None or not self._may_begin or self._finished:
            return math.inf
        return self.created + float(seconds)

    @property
    def _finished(self) -> bool:
        failed = any(c.done and not c.done_well for c in self.init if not c.sidecar)
        return failed or all(container.done for container in self.main)

    @property
    def initialized(self) -> bool:
        """Whether all init containers have done their part."""
        return all(c.started if c.sidecar else c.done_well for c in self.init)

    @property
    def phase(self) -> str:
        """The Pod's phase as a kubelet reports it."""
        if self.failed_for and not any(c.running for c in self.containers):
            return "Failed"
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
        self.manifest = self._around.pod = manifest
        metadata, spec = manifest["metadata"], manifest["spec"]
        wanted = {c["name"]: c for c in [*(spec.get("initContainers") or []), *spec["containers"]]}
        for container in self.containers:
            if container.name in wanted:
                # Of a living Pod only images and resources can change.
                container.spec = wanted[container.name]
                container.change_image(str(wanted[container.name].get("image") or ""), now)
        code = (metadata.get("annotations") or {}).get(FINISH)
        if code is not None:
            for container in self.main:
                container.finish(_exit_code(code), now)
        self._kill((metadata.get("annotations") or {}).get(KILL), now)
        if metadata.get("deletionTimestamp") and math.isinf(self.deleting_at):
            self.deleting_at = now
            grace = metadata.get("deletionGracePeriodSeconds")
            for container in self.containers:
                container.stop(now, GRACE if grace is None else float(grace))

    def _kill(self, wish: str | None, now: float) -> None:
        """Do what the annotation says; what cannot be read is nobody's wish."""
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = json.loads(wish or "{}")
            for container in self.containers:
                if container.name == told["container"]:
                    container.kill(int(told["run"]), int(told["code"]) & 0xFF, now)

    def wants(self, now: float) -> frozenset[Ref]:
        """The objects of its namespace that ought to be looked up before it is advanced."""
        refs = frozenset(ref for c in self.containers for ref in environment_refs(c.spec))
        starting = any(c.next_at <= now and not c.running for c in self.containers)
        mounting = not self._mounts.done and self._mounts.next_at <= now
        if not self._looked or mounting:
            return refs | self._mounts.refs
        return refs if starting else frozenset()

    def give(self, objects: Objects) -> None:
        """Take in what was found of the objects that it wants."""
        self._looked = True
        self._around.objects.update(objects)
        for container in self.containers:
            if container.running and not container.variables:
                # Taken up from an earlier kubelet process.
                with contextlib.suppress(Missing):
                    container.variables = environment(
                        container.spec, self.manifest, self._around.objects
                    )

    def learn(self, servers: tuple[ServerModel, ...], now: float) -> None:
        """The simulated servers changed."""
        self._around.servers = servers
        for container in self.containers:
            container.learn(now)

    def resume(
        self, started_at: dict[str, float], now: float, created: float | None = None
    ) -> None:
        """Take up a Pod that an earlier kubelet process began, from its reported status.

        `started_at` maps container names to the life time of their start; `created` is the Pod's.
        """
        self.created = now if created is None else created
        status = self.manifest.get("status") or {}
        reported = [
            *(status.get("initContainerStatuses") or []),
            *(status.get("containerStatuses") or []),
        ]
        by_name = {container.name: container for container in self.containers}
        for entry in reported:
            if container := by_name.get(entry.get("name")):
                container.resume(entry, started_at.get(container.name, now), now)
        if any(c.running or c.last or c.ended for c in self.containers):
            self._mounts.skip()
        if status.get("reason") == DEADLINE:
            self.failed_for = DEADLINE

    def advance(self, now: float) -> list[Event]:
        """Do everything that is due by now; returns what the kubelet says about it."""
        if self._ends_at <= now:
            self._exceed(now)
        while True:
            if self._may_begin and self._mounted(now):
                self._begin(now)
            due = [container for container in self.containers if container.next_at <= now]
            if not due:
                break
            for container in due:
                container.advance(now)
            self._end_sidecars(now)
        if not math.isinf(self.deleting_at) and not any(c.running for c in self.containers):
            self.gone = True
        events = [*self._events, *(e for container in self.containers for e in container.events)]
        self._events.clear()
        for container in self.containers:
            container.events.clear()
        return events

    def _mounted(self, now: float) -> bool:
        if not self._mounts.done and self._mounts.next_at <= now:
            self._events += self._mounts.attempt(now, self._around.objects)
        return self._mounts.done

    def _exceed(self, now: float) -> None:
        """End everything because the Pod's active deadline has passed."""
        self.failed_for = DEADLINE
        self._events.append(Event("Normal", DEADLINE, DEADLINE_WORDS))
        for container in self.containers:
            container.stop(now, self._around.grace)

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
