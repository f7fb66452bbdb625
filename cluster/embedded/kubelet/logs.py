"""What a simulated container has written: a few honest lines, as its model says."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.model import ServerModel


@dataclass(frozen=True)
class Line:
    """One line and the life time at which it was written."""

    at: float
    text: str


def lines(
    server: ServerModel | None, started: float, until: float, last: tuple[str, ...] = ()
) -> list[Line]:
    """The log of a run from its start until a moment; `last` are its words at that moment."""
    written = [Line(started, text) for text in (server.says if server else ())]
    if server is not None and server.load:
        written.append(Line(started, "loading model"))
    if server is not None and server.port is not None:
        written.append(Line(started, f"listening on 0.0.0.0:{server.port}"))
    if server is not None and server.load and started + server.load <= until:
        written.append(Line(started + server.load, f"model loaded in {server.load:g} s"))
    return [*written, *(Line(until, text) for text in last)]
