"""One simulated container: pulled, started, probed, killed, restarted, ended.

All times are seconds of a real machine on one clock ("life time"); whoever drives the container
turns them into wall time with the cluster's time factor.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from enum import Enum
from typing import Any

from cluster.embedded.kubelet import images
from cluster.embedded.kubelet.facts import (
    BACKOFF_FIRST,
    BACKOFF_RESET,
    INIT,
    PULL,
    RESOLVE,
    START,
    STOP,
    Ended,
    Event,
    Surroundings,
    go_duration,
    grown,
    pre_stop_seconds,
)
from cluster.embedded.kubelet.probes import FIELDS, Kind, ProbeRun, ask
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


class Container:
    """The state machine of one container. Drive it with `advance` whenever `next_at` has come."""

    def __init__(self, spec: Json, around: Surroundings, init: bool = False) -> None:
        self.spec = spec
        self.around = around
        self.init = init
        self.name = str(spec["name"])
        self.image = str(spec.get("image") or "")
        self.sidecar = init and spec.get("restartPolicy") == "Always"
        self.phase = Phase.WAITING
        self.reason = "PodInitializing" if init else "ContainerCreating"
        self.message = ""
        self.next_at = math.inf
        self.started_at = 0.0
        self.restarts = 0
        self.ended: Ended | None = None
        self.last: Ended | None = None
        self.finish_with: int | None = None
        self.events: list[Event] = []
        self._probes: dict[Kind, ProbeRun] = {}
        self._backoff = 0.0
        self._pull_backoff = 0.0
        self._pull_takes = PULL
        self._stop_code = 0
        self._restart_after_stop = False
        self._again = False

    # What others ask

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.phase in (Phase.RUNNING, Phase.STOPPING)

    @property
    def started(self) -> bool:
        """Running and past its startup probe."""
        startup = self._probes.get("startup")
        return self.running and (startup is None or startup.passing)

    @property
    def ready(self) -> bool:
        """Whether it counts for the Pod's readiness."""
        if self.init and not self.sidecar:
            return self.done_well
        readiness = self._probes.get("readiness")
        return self.started and (readiness is None or readiness.passing)

    @property
    def done(self) -> bool:
        """Ended for good: no restart follows."""
        return self.phase is Phase.TERMINATED and math.isinf(self.next_at)

    @property
    def done_well(self) -> bool:
        """Ended for good with exit code 0."""
        return self.done and self.ended is not None and self.ended.exit_code == 0

    @property
    def container_id(self) -> str:
        """A stable id for the current run."""
        seed = f"{self.around.uid}/{self.name}/{self.restarts}"
        return "simulated://" + hashlib.sha256(seed.encode()).hexdigest()

    @property
    def server(self) -> ServerModel | None:
        """The simulated server in its image."""
        return images.find_server(self.image, self.around.servers)

    # What others do

    def begin(self, now: float) -> None:
        """Let a waiting container begin with its image."""
        if self.phase is Phase.WAITING and math.isinf(self.next_at):
            self.next_at = now

    def stop(self, now: float, within: float) -> None:
        """End it as on deletion of its Pod, within so many seconds of grace."""
        if self.phase is Phase.RUNNING:
            self._say("Normal", "Killing", f"Stopping container {self.name}")
            needed = pre_stop_seconds(self.spec) + STOP
            # Killed if its grace ends first, as every process is.
            self._begin_stop(now, min(within, needed), 0 if needed <= within else 137, False)
        elif self.phase is Phase.STOPPING:
            self._restart_after_stop = False
        elif not self.done:
            self.next_at = math.inf

    def change_image(self, image: str, now: float) -> None:
        """Run another image from now on, as after a change of a living Pod."""
        if image == self.image:
            return
        self.image = image
        if self.phase is Phase.RUNNING:
            words = f"Container {self.name} definition changed, will be restarted"
            self._say("Normal", "Killing", words)
            self._begin_stop(now, STOP, 0, restart=True)
        elif self.phase is Phase.WAITING and not math.isinf(self.next_at):
            self._pull_backoff = 0.0
            self._wait("ContainerCreating", "", now)

    def finish(self, exit_code: int, now: float) -> None:
        """End with this exit code as soon as it runs (a test's or a scenario's wish)."""
        if self.finish_with is None and not self.done:
            self.finish_with = exit_code
            if self.phase is Phase.RUNNING:
                self.next_at = min(self.next_at, now)

    def learn(self, now: float) -> None:
        """The simulated servers changed: ask the probes again and try to pull again."""
        for probe in self._probes.values():
            # A startup probe that passed is over, and until it passes the others are held back.
            asking = not probe.passing if probe.kind == "startup" else self.started
            if asking and math.isinf(probe.next_at):
                probe.next_at = now + probe.period
        if self.phase is Phase.RUNNING:
            self.next_at = self._next_while_running()
        elif self.phase is Phase.WAITING and "Image" in self.reason and self.server is not None:
            self._wait("ContainerCreating", "", now)

    def resume(self, status: Json, started_at: float, now: float) -> None:
        """Take up a container that another kubelet process began, from its reported status."""
        self.restarts = int(status.get("restartCount") or 0)
        state = status.get("state") or {}
        if "running" in state:
            self._run(started_at)
            if status.get("ready") and (readiness := self._probes.get("readiness")):
                readiness.passing = True
            if status.get("started") and (startup := self._probes.get("startup")):
                startup.passing = True
                startup.next_at = math.inf
                self._start_other_probes(now)
            self.events.clear()
            self.next_at = self._next_while_running()
        elif "terminated" in state:
            self.ended = self._as_ended(state["terminated"], started_at)
            self.phase, self.next_at = Phase.TERMINATED, math.inf
            if self._restarts_after(self.ended.exit_code):
                self.next_at = now
        elif "terminated" in (status.get("lastState") or {}):
            self.last = self._as_ended(status["lastState"]["terminated"], started_at)
            self._again, self._backoff = True, BACKOFF_FIRST
            waiting = state.get("waiting") or {}
            self._wait(
                str(waiting.get("reason") or "CrashLoopBackOff"),
                str(waiting.get("message") or ""),
                now + BACKOFF_FIRST,
            )

    def _as_ended(self, terminated: Json, at: float) -> Ended:
        code, reason = int(terminated.get("exitCode") or 0), str(terminated.get("reason") or "")
        return Ended(code, reason, at, at, str(terminated.get("containerID") or ""))

    # The machine

    def advance(self, now: float) -> None:
        """Do everything that is due by now."""
        while self.next_at <= now:
            at, self.next_at = self.next_at, math.inf
            _DUE[self.phase](self, at)

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
        self._say("Normal", "Created", f"Container created: {self.name}")
        self._say("Normal", "Started", f"Container started: {self.name}")
        self._run(at)

    def _run(self, at: float) -> None:
        self.phase, self.reason, self.message = Phase.RUNNING, "", ""
        self.started_at = at
        self.ended = None
        if self._again:
            self.restarts, self._again = self.restarts + 1, False
        self._probes = {}
        if startup := self.spec.get(FIELDS["startup"]):
            self._probes["startup"] = ProbeRun("startup", startup, at, at)
            # Declared now so that it does not count as ready; it asks nothing before the start.
            if readiness := self.spec.get(FIELDS["readiness"]):
                held = ProbeRun("readiness", readiness, at, at)
                held.next_at = math.inf
                self._probes["readiness"] = held
        else:
            self._start_other_probes(at)
        self.next_at = self._next_while_running()

    def _start_other_probes(self, at: float) -> None:
        kinds: Iterable[Kind] = ("readiness", "liveness")
        for kind in kinds:
            if spec := self.spec.get(FIELDS[kind]):
                was = self._probes.get(kind)
                self._probes[kind] = ProbeRun(kind, spec, self.started_at, at)
                if was is not None:
                    self._probes[kind].passing = was.passing

    def _natural_end(self) -> float:
        """When its own work is done."""
        if self.finish_with is not None:
            return self.started_at
        server = self.server
        if server is not None and server.runs_for is not None:
            return self.started_at + server.runs_for
        if self.init and not self.sidecar:
            return self.started_at + INIT
        return math.inf

    def _next_while_running(self) -> float:
        return min([self._natural_end(), *(probe.next_at for probe in self._probes.values())])

    def _due_running(self, at: float) -> None:
        if self._natural_end() <= at:
            code = self.finish_with or 0
            self._end(code, "Completed" if code == 0 else "Error", at)
            return
        for probe in list(self._probes.values()):
            if probe.next_at <= at and not self._probe(probe, at):
                return
        self.next_at = self._next_while_running()

    def _probe(self, probe: ProbeRun, at: float) -> bool:
        """Ask one probe; False if the container is being killed for it."""
        answer = ask(probe.spec, self.spec, self.server, at - self.started_at, self.around.ip)
        title = probe.kind.capitalize()
        if probe.take(answer, at):
            times = probe.failures - probe.failures // 2
            self._say("Warning", "Unhealthy", f"{title} probe failed: {answer.message}", times)
        if probe.kind == "startup" and probe.passing:
            probe.next_at = math.inf
            self._start_other_probes(at)
        if probe.kind != "readiness" and probe.exhausted:
            words = f"Container {self.name} failed {probe.kind} probe, will be restarted"
            self._say("Normal", "Killing", words)
            self._begin_stop(at, STOP, 137, restart=True)
            return False
        return True

    def _begin_stop(self, now: float, seconds: float, code: int, restart: bool) -> None:
        self.phase = Phase.STOPPING
        self._stop_code, self._restart_after_stop = code, restart
        self.next_at = now + seconds

    def _due_stopping(self, at: float) -> None:
        code = self._stop_code
        self._end(code, "Completed" if code == 0 else "Error", at)
        if not self._restart_after_stop:
            self.next_at = math.inf

    def _end(self, code: int, reason: str, at: float) -> None:
        self.ended = Ended(code, reason, self.started_at, at, self.container_id)
        self._probes = {}
        self.phase = Phase.TERMINATED
        if at - self.started_at >= BACKOFF_RESET:
            self._backoff = 0.0
        if self._restarts_after(code):
            # The first restart is immediate, as in a kubelet; `at` is when it is looked at again.
            self.next_at = at

    def _restarts_after(self, code: int) -> bool:
        policy = "Always" if self.sidecar else self.around.restart_policy
        if self.init and not self.sidecar:
            return code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def _due_terminated(self, at: float) -> None:
        self.last, self.ended, self._again = self.ended, None, True
        self.phase = Phase.WAITING
        if self._backoff:
            pod = f"{self.around.pod_name}_{self.around.namespace}({self.around.uid})"
            said = f"restarting failed container {self.name} in pod {pod}"
            self._say("Warning", "BackOff", f"Back-off {said}")
            length = go_duration(self._backoff)
            words = f"back-off {length} restarting failed container={self.name} pod={pod}"
            self._wait("CrashLoopBackOff", words, at + self._backoff)
        else:
            self.next_at = at
        self._backoff = grown(self._backoff)

    def _wait(self, reason: str, message: str, until: float) -> None:
        self.reason, self.message, self.next_at = reason, message, until

    def _say(self, type_: str, reason: str, message: str, times: int = 1) -> None:
        self.events.append(Event(type_, reason, message, self.name, self.init, times))


_DUE = {
    Phase.WAITING: Container._due_waiting,
    Phase.PULLING: Container._due_pulling,
    Phase.STARTING: Container._due_starting,
    Phase.RUNNING: Container._due_running,
    Phase.STOPPING: Container._due_stopping,
    Phase.TERMINATED: Container._due_terminated,
}
