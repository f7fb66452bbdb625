"""One simulated container: pulled, started, probed, killed, restarted, ended.

All times are seconds of a real machine on one clock ("life time"); whoever drives the container
turns them into wall time with the cluster's time factor.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Any

from cluster.embedded.kubelet.endings import CRASHED, DONE, Ending, Run, planned
from cluster.embedded.kubelet.environment import told
from cluster.embedded.kubelet.facts import (
    BACKOFF_FIRST,
    BACKOFF_RESET,
    STOP,
    Ended,
    Surroundings,
    go_duration,
    grown,
    pre_stop_seconds,
)
from cluster.embedded.kubelet.logs import Line, lines
from cluster.embedded.kubelet.memory import Need
from cluster.embedded.kubelet.probes import FIELDS, Answer, Kind, ProbeRun, ask
from cluster.embedded.kubelet.starting import Phase, Starting

Json = dict[str, Any]


class Container(Starting):
    """The state machine of one container. Drive it with `advance` whenever `next_at` has come."""

    def __init__(self, spec: Json, around: Surroundings, init: bool = False) -> None:
        super().__init__(spec, around, init)
        self.sidecar = init and spec.get("restartPolicy") == "Always"
        self.started_at = 0.0
        self.restarts = 0
        self.ended: Ended | None = None
        self.last: Ended | None = None
        self.finish_with: int | None = None
        self._probes: dict[Kind, ProbeRun] = {}
        self._backoff = 0.0
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
    def ends_at(self) -> float:
        """When its process will have ended, or be told to, if nobody else does anything; infinite
        where nothing foreseeable ends it."""
        if self.phase is Phase.STOPPING:
            return self.next_at
        if self.phase is not Phase.RUNNING:
            return math.inf
        liveness = self._probes.get("liveness")
        killed = math.inf if liveness is None else liveness.exhausts_at(self._answers(liveness))
        return min(self._natural_end(), killed)

    @property
    def need(self) -> Need | None:
        """Its memory, where its model declares any."""
        server = self.server
        return None if server is None else Need.of(server, self.variables)

    def log(self, now: float, previous: bool = False) -> list[Line] | None:
        """What this run, or the one before, has written; None where there was none."""
        if self.running and not previous:
            return lines(self.server, self.started_at, now)
        ended = self.last if previous or self.ended is None else self.ended
        if ended is None:
            return None
        return lines(self.server, ended.started, ended.finished, ended.words)

    @property
    def container_id(self) -> str:
        """A stable id for the current run."""
        seed = f"{self.around.uid}/{self.name}/{self.restarts}"
        return "simulated://" + hashlib.sha256(seed.encode()).hexdigest()

    # What others do

    def stop(self, now: float, within: float) -> None:
        """End it as on deletion of its Pod, within so many seconds of grace."""
        if self.phase is Phase.RUNNING:
            self._say("Normal", "Killing", f"Stopping container {self.name}")
            self._stop_in_grace(now, within, restart=False)
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
            self._stop_in_grace(now, self.around.grace, restart=True)
        elif self.phase is Phase.WAITING and not math.isinf(self.next_at):
            self._pull_backoff = 0.0
            self._wait("ContainerCreating", "", now)

    def finish(self, exit_code: int, now: float) -> None:
        """End with this exit code as soon as it runs (a test's or a scenario's wish)."""
        if self.finish_with is None and not self.done:
            self.finish_with = exit_code
            if self.phase is Phase.RUNNING:
                self.next_at = min(self.next_at, now)

    def kill(self, run: int, code: int, now: float) -> None:
        """End this run of the process at once; a run that is over, or has not begun, is left."""
        if self.phase is Phase.RUNNING and self.restarts == run:
            self._end(code, DONE if code == 0 else CRASHED, now)

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

    def _planned(self) -> Ending | None:
        """How this run ends if nobody ends it before."""
        if self.finish_with is not None:
            return Ending(0.0, self.finish_with, CRASHED if self.finish_with else DONE)
        server, need = self.server, self.need
        run = Run(
            work=self.init and not self.sidecar,
            restarts=self.restarts,
            index=self.around.index,
            failures_before=self.around.failures_before,
            told=told(self.spec, self.variables) if server and server.expects else "",
            need=need,
            room=self.around.room(self.spec) if need else math.inf,
        )
        return planned(server, run)

    def _natural_end(self) -> float:
        """When its own work is done."""
        ending = self._planned()
        return math.inf if ending is None else self.started_at + ending.after

    def _next_while_running(self) -> float:
        return min([self._natural_end(), *(probe.next_at for probe in self._probes.values())])

    def _due_running(self, at: float) -> None:
        ending = self._planned()
        if ending is not None and self.started_at + ending.after <= at:
            self._end(ending.exit_code, ending.reason, at, ending.words)
            return
        for probe in list(self._probes.values()):
            if probe.next_at <= at and not self._probe(probe, at):
                return
        self.next_at = self._next_while_running()

    def _answers(self, probe: ProbeRun) -> Callable[[float], Answer]:
        server, begun, ip = self.server, self.started_at, self.around.ip
        return lambda at: ask(probe.spec, self.spec, server, at - begun, ip)

    def _probe(self, probe: ProbeRun, at: float) -> bool:
        """Ask one probe; False if the container is being killed for it."""
        answer = self._answers(probe)(at)
        title = probe.kind.capitalize()
        if probe.take(answer, at):
            times = probe.failures - probe.failures // 2
            self._say("Warning", "Unhealthy", f"{title} probe failed: {answer.message}", times)
        if probe.kind == "startup" and probe.passing:
            probe.next_at = math.inf
            self._start_other_probes(at)
        if probe.kind != "readiness" and probe.exhausted:
            ends = self.around.restart_policy == "Never" and not self.sidecar
            then = "" if ends else ", will be restarted"
            self._say("Normal", "Killing", f"Container {self.name} failed {probe.kind} probe{then}")
            # Like any other stop: a server that heeds the signal ends with a code of its own.
            self._stop_in_grace(at, self.around.grace, restart=True)
            return False
        return True

    def _on_sigterm(self) -> tuple[float, int]:
        """Seconds until the process ends after the signal, and its exit code then."""
        server = self.server
        if server is None:
            return STOP, 0
        manner = server.sigterm
        if manner is None:
            finite = self.around.restart_policy != "Always" and not self.sidecar
            manner = "die" if finite or server.runs_for is not None else "exit"
        if manner == "ignore":
            return math.inf, 137
        return server.stops_in, 0 if manner == "exit" else 143

    def _stop_in_grace(self, now: float, grace: float, restart: bool) -> None:
        """Run the preStop hook, send SIGTERM, and kill if the grace ends first."""
        needs, code = self._on_sigterm()
        needs += pre_stop_seconds(self.spec)
        self.phase = Phase.STOPPING
        self._stop_code = code if needs <= grace else 137
        self._restart_after_stop = restart
        self.next_at = now + min(needs, grace)

    def _due_stopping(self, at: float) -> None:
        code = self._stop_code
        heard = ("received SIGTERM, ending",) if code != 137 else ()
        self._end(code, DONE if code == 0 else CRASHED, at, heard)
        if not self._restart_after_stop:
            self.next_at = math.inf

    def _end(self, code: int, reason: str, at: float, said: tuple[str, ...] = ()) -> None:
        self.ended = Ended(code, reason, self.started_at, at, self.container_id, words=said)
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


_DUE = {
    Phase.WAITING: Container._due_waiting,
    Phase.PULLING: Container._due_pulling,
    Phase.STARTING: Container._due_starting,
    Phase.RUNNING: Container._due_running,
    Phase.STOPPING: Container._due_stopping,
    Phase.TERMINATED: Container._due_terminated,
}
