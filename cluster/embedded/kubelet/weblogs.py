"""`kubectl logs`, as a kubelet's own port answers it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from aiohttp import web

from cluster.embedded.kubelet.containers import Container
from cluster.embedded.kubelet.events import rfc3339_micro
from cluster.embedded.kubelet.logs import Line
from cluster.embedded.kubelet.pods import Pod

NO_PROCESS = "containers of this cluster are simulated: there is no process to reach"


class Machines(Protocol):
    """The simulated Pods and their clock."""

    time_factor: float

    def now(self) -> float:
        """Life time."""

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The Pod of this name."""


class LogServer:
    """Serves what simulated containers have written."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def routes(self) -> Iterator[web.RouteDef]:
        """What is served where."""
        yield web.get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for what in ("exec", "attach", "portForward", "run"):
            yield web.route("*", f"/{what}/{{rest:.*}}", self._no_process)

    async def _no_process(self, _: web.Request) -> web.Response:
        return web.Response(status=501, text=NO_PROCESS)

    async def _logs(self, request: web.Request) -> web.Response:
        place = request.match_info
        pod = self._machines.pod(place["namespace"], place["pod"])
        found = [c for c in pod.containers if c.name == place["container"]] if pod else []
        if not found:
            missing = f'container "{place["container"]}" not found in pod "{place["pod"]}"'
            return web.Response(status=404, text=missing)
        previous = request.query.get("previous") == "true"
        lines = found[0].log(self._machines.now(), previous)
        if lines is None:
            return web.Response(status=400, text=_no_log(found[0], place["pod"], previous))
        return web.Response(text=self._chosen(lines, request))

    def _chosen(self, lines: list[Line], request: web.Request) -> str:
        query, factor = request.query, self._machines.time_factor
        since = -float("inf")
        if query.get("sinceSeconds"):
            since = self._machines.now() * factor - float(query["sinceSeconds"])
        if query.get("sinceTime"):
            since = datetime.fromisoformat(query["sinceTime"].replace("Z", "+00:00")).timestamp()
        kept = [line for line in lines if line.at * factor >= since]
        if query.get("tailLines"):
            tail = int(query["tailLines"])
            kept = kept[-tail:] if tail > 0 else []
        stamped = query.get("timestamps") == "true"
        text = "".join(
            f"{rfc3339_micro(line.at * factor)} {line.text}\n" if stamped else f"{line.text}\n"
            for line in kept
        )
        return text[: int(query["limitBytes"])] if query.get("limitBytes") else text


def _no_log(container: Container, pod: str, previous: bool) -> str:
    """Why there is no log, in a kubelet's words."""
    if previous:
        return f'previous terminated container "{container.name}" in pod "{pod}" not found'
    reason = container.reason or "ContainerCreating"
    return f'container "{container.name}" in pod "{pod}" is waiting to start: {reason}'
