"""What a kubelet's probe would find at a simulated server, and how probe results add up."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from cluster.model import ServerModel

Json = dict[str, Any]
Kind = Literal["startup", "readiness", "liveness"]

FIELDS: dict[Kind, str] = {
    "startup": "startupProbe",
    "readiness": "readinessProbe",
    "liveness": "livenessProbe",
}
_LAST_REPORTED = 512
_LOOKS_AHEAD = 100


@dataclass(frozen=True)
class Answer:
    """One probe's result. `changes_at` is the container's age, in seconds of a real machine, at
    which the same probe will answer otherwise; infinite where it never will."""

    success: bool
    message: str = ""
    changes_at: float = math.inf


def ask(probe: Json, container: Json, server: ServerModel | None, age: float, ip: str) -> Answer:
    """Run one probe against a container of this age (seconds of a real machine)."""
    if "exec" in probe:
        return Answer(True)
    if "httpGet" in probe:
        return _http(probe["httpGet"] or {}, container, server, age, ip)
    if "tcpSocket" in probe:
        socket = probe["tcpSocket"] or {}
        port, host = _port(socket.get("port"), container), socket.get("host") or ip
        if server is not None and port is not None and port == server.port and host == ip:
            return Answer(True)
        return Answer(False, f"dial tcp {host}:{port or 0}: connect: connection refused")
    port = (probe.get("grpc") or {}).get("port")
    if server is not None and port == server.port:
        return _loaded(server, age, f"service unhealthy (responded with {_NOT_SERVING})")
    return Answer(False, f'timeout: failed to connect service "{ip}:{port}" within 1s')


_NOT_SERVING = '"NOT_SERVING"'


def _http(get: Json, container: Json, server: ServerModel | None, age: float, ip: str) -> Answer:
    wanted = get.get("port")
    port = _port(wanted, container)
    if port is None:
        return Answer(False, f'couldn\'t find port: "{wanted}"')
    scheme = str(get.get("scheme") or "HTTP").lower()
    path = "/" + str(get.get("path") or "/").lstrip("/")
    # The kubelet asks from its node: a host such as localhost is the node, where nobody listens.
    host = get.get("host") or ip
    url = f"{scheme}://{host}:{port}{path}"
    if server is None or port != server.port or host != ip:
        refused = f"dial tcp {host}:{port}: connect: connection refused"
        return Answer(False, f'Get "{url}": {refused}')
    if scheme == "https":
        return Answer(False, f'Get "{url}": http: server gave HTTP response to HTTPS client')
    bare = urlsplit(path).path
    if bare in server.ready:
        return _loaded(server, age, "HTTP probe failed with statuscode: 503")
    if bare in server.live:
        return Answer(True)
    return Answer(False, "HTTP probe failed with statuscode: 404")


def _loaded(server: ServerModel, age: float, message: str) -> Answer:
    # A probe sent in the very moment that loading ends finds it ended.
    if age + 1e-6 >= server.load:
        return Answer(True)
    return Answer(False, message, changes_at=server.load)


def _port(wanted: Any, container: Json) -> int | None:
    """A port by number or by the name that the container gives it."""
    if isinstance(wanted, int):
        return wanted
    text = str(wanted)
    if text.isdigit():
        return int(text)
    for port in container.get("ports") or []:
        if port.get("name") == text:
            number = port.get("containerPort")
            return number if isinstance(number, int) else None
    return None


class ProbeRun:
    """One probe of one running container: when it asks next and what its answers add up to.

    Times are seconds of a real machine on the caller's clock. Asks at `start + initialDelaySeconds`
    and every `periodSeconds` from there. Once an answer can never change, it asks no more; a
    failure that lasts is then only counted up for its event, ever more rarely.
    """

    def __init__(self, kind: Kind, spec: Json, start: float, not_before: float) -> None:
        self.kind = kind
        self.spec = spec
        self.period = float(spec.get("periodSeconds") or 10)
        self.failure_threshold = int(spec.get("failureThreshold") or 3)
        self.success_threshold = int(spec.get("successThreshold") or 1)
        first = start + float(spec.get("initialDelaySeconds") or 0)
        self.next_at = max(first, not_before)
        # As in a kubelet: alive until proven otherwise, but neither started nor ready.
        self.passing = kind == "liveness"
        self.failures = 0
        self.failures_in_a_row = 0
        self._successes_in_a_row = 0

    @property
    def exhausted(self) -> bool:
        """Whether the failure threshold is reached."""
        return self.failures_in_a_row >= self.failure_threshold

    def take(self, answer: Answer, now: float) -> bool:
        """Count an answer and set the next time; True if the failure is worth an event."""
        if answer.success:
            self._successes_in_a_row += 1
            self.failures_in_a_row = 0
            if self._successes_in_a_row >= self.success_threshold:
                self.passing = True
        else:
            self._successes_in_a_row = 0
            self.failures += 1
            self.failures_in_a_row += 1
            if self.exhausted:
                self.passing = False
        self.next_at = now + self.period
        report = not answer.success and _is_power_of_two(self.failures)
        if math.isinf(answer.changes_at):
            self._skip_what_cannot_change(answer)
        return report

    def exhausts_at(self, answer_at: Callable[[float], Answer]) -> float:
        """When the failure threshold will be reached; infinite where that cannot be foreseen.

        `answer_at` says what the probe is answered at a time. At most so many probes are looked at
        as it takes for answers that never change.
        """
        ahead = copy.copy(self)
        looks = max(self.failure_threshold, self.success_threshold) + _LOOKS_AHEAD
        for _ in range(looks):
            if math.isinf(ahead.next_at):
                break
            at = ahead.next_at
            ahead.take(answer_at(at), at)
            if ahead.exhausted:
                return at
        return math.inf

    def _skip_what_cannot_change(self, answer: Answer) -> None:
        if answer.success:
            if self.passing:
                self.next_at = math.inf
        elif self.exhausted:
            following = 1 << self.failures.bit_length()
            if following > _LAST_REPORTED:
                self.next_at = math.inf
                return
            skipped = following - self.failures - 1
            self.failures += skipped
            self.next_at += skipped * self.period


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0
