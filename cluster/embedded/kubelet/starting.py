"""The first half of a simulated container's life: until its process starts.

Its image is pulled, or cannot be; then its environment is put together, or lacks something.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

from cluster.embedded.kubelet import images
from cluster.embedded.kubelet.environment import Missing, environment
from cluster.embedded.kubelet.facts import (
    BACKOFF_FIRST,
    CONFIG_RETRY,
    PULL,
    RESOLVE,
    START,
    Event,
    Surroundings,
    grown,
)
from cluster.model import ServerModel

Json = dict[str, Any]


class Phase(Enum):
    """Where a container is in its life."""

    WAITING = "waiting"
    PULLING = "pulling"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    TERMINATED = "terminated"


class Starting:
    """What every container has, and the part of its state machine that leads to a process."""

    def __init__(self, spec: Json, around: Surroundings, init: bool) -> None:
        self.spec = spec
        self.around = around
        self.init = init
        self.name = str(spec["name"])
        self.image = str(spec.get("image") or "")
        self.phase = Phase.WAITING
        self.reason = "PodInitializing" if init else "ContainerCreating"
        self.message = ""
        self.next_at = math.inf
        self.events: list[Event] = []
        self.variables: dict[str, str] = {}
        self._pull_backoff = 0.0
        self._pull_takes = PULL

    @property
    def server(self) -> ServerModel | None:
        """The simulated server in its image."""
        return images.find_server(self.image, self.around.servers, self.name)

    def begin(self, now: float) -> None:
        """Let a waiting container begin with its image."""
        if self.phase is Phase.WAITING and math.isinf(self.next_at):
            self.next_at = now

    def _due_waiting(self, at: float) -> None:
        if self.reason == "ErrImagePull":
            self._say("Normal", "BackOff", f'Back-off pulling image "{self.image}"')
            self._say("Warning", "Failed", "Error: ImagePullBackOff")
            words = f'Back-off pulling image "{self.image}": ErrImagePull: {self.message}'
            self._wait("ImagePullBackOff", words, at + self._pull_backoff)
            return
        policy = self.spec.get("imagePullPolicy") or "IfNotPresent"
        known = self.server is not None
        if policy == "Never" and not known:
            said = f'Container image "{self.image}" is not present with pull policy of Never'
            if self.reason != "ErrImageNeverPull":
                self._say("Warning", "ErrImageNeverPull", said)
                self._say("Warning", "Failed", "Error: ErrImageNeverPull")
            self._wait("ErrImageNeverPull", said, at + BACKOFF_FIRST)
            return
        present = policy == "Never" or (
            policy == "IfNotPresent" and self.image in self.around.pulled
        )
        if known and present:
            said = f'Container image "{self.image}" already present on machine'
            self._say("Normal", "Pulled", said)
            self.phase, self.next_at = Phase.STARTING, at + START
            return
        self._say("Normal", "Pulling", f'Pulling image "{self.image}"')
        quick = self.image in self.around.pulled or not known
        self._pull_takes = RESOLVE if quick else PULL
        self.phase, self.next_at = Phase.PULLING, at + self._pull_takes

    def _due_pulling(self, at: float) -> None:
        if self.server is None:
            self._pull_failed(at)
            return
        took = self._pull_takes
        self.around.pulled.add(self.image)
        self._pull_backoff = 0.0
        said = f'Successfully pulled image "{self.image}" in {took:g}s'
        self._say("Normal", "Pulled", f"{said} ({took:g}s including waiting)")
        self.phase, self.next_at = Phase.STARTING, at + START

    def _pull_failed(self, at: float) -> None:
        full = images.parse(self.image)
        cause = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
            f'failed to resolve reference "{full}": {full}: not found'
        )
        self._say("Warning", "Failed", f'Failed to pull image "{self.image}": {cause}')
        self._say("Warning", "Failed", "Error: ErrImagePull")
        self._wait("ErrImagePull", cause, at + 1.0)
        self.phase = Phase.WAITING
        self._pull_backoff = grown(self._pull_backoff)

    def _due_starting(self, at: float) -> None:
        try:
            self.variables = environment(self.spec, self.around.pod, self.around.objects)
        except Missing as missing:
            self._say("Warning", "Failed", f"Error: {missing}")
            self.phase = Phase.WAITING
            self._wait("CreateContainerConfigError", str(missing), at + CONFIG_RETRY)
            return
        self._say("Normal", "Created", f"Container created: {self.name}")
        self._say("Normal", "Started", f"Container started: {self.name}")
        self._run(at)

    def _run(self, at: float) -> None:
        raise NotImplementedError

    def _wait(self, reason: str, message: str, until: float) -> None:
        self.reason, self.message, self.next_at = reason, message, until

    def _say(self, type_: str, reason: str, message: str, times: int = 1) -> None:
        self.events.append(Event(type_, reason, message, self.name, self.init, times))
