"""When and how a run of a simulated container ends by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.embedded.kubelet.facts import INIT
from cluster.embedded.kubelet.memory import Need
from cluster.model import ServerModel

OOM = "OOMKilled"
CRASHED, DONE = "Error", "Completed"


@dataclass(frozen=True)
class Run:
    """What decides about one run besides the server's model."""

    work: bool = False
    """Whether it is an init container (not a sidecar), which must end."""
    restarts: int = 0
    """Of this container."""
    index: int | None = None
    """Of an Indexed Job."""
    failures_before: int = 0
    """Failed Pods of this index before this one."""
    told: str = ""
    """Command, arguments and environment."""
    need: Need | None = None
    room: float = float("inf")
    """Bytes that it may have."""


@dataclass(frozen=True)
class Ending:
    """The end of a run: the age at which it comes, and how."""

    after: float
    exit_code: int
    reason: str
    words: tuple[str, ...] = ()


def planned(server: ServerModel | None, run: Run) -> Ending | None:
    """The first end that comes by itself; None for what runs until it is stopped."""
    endings = list(_all(server, run))
    return min(endings, key=lambda ending: ending.after) if endings else None


def _all(server: ServerModel | None, run: Run) -> Iterator[Ending]:
    """Every end that would come; of two at the same time the first here is meant."""
    work = INIT if run.work else None
    if server is None:
        if work is not None:
            yield Ending(work, 0, DONE)
        return
    if server.runs_for is not None:
        work = server.runs_for
    if run.need is not None and (killed := run.need.exceeds_at(run.room)) is not None:
        yield Ending(killed, 137, OOM)
    missing = [text for text in server.expects if not _is_told(text, run.told)]
    if missing:
        words = server.last_words or (f"error: expected {missing[0]!r}",)
        yield Ending(work or 0.0, server.crash_code, CRASHED, words)
    if (code := _index_failure(server, run)) is not None:
        words = server.last_words or (f"error: index {run.index} failed",)
        yield Ending(work or 0.0, code, CRASHED, words)
    crashes = server.crashes is None or run.restarts + run.failures_before < server.crashes
    if server.crash_after is not None and crashes:
        yield Ending(server.crash_after, server.crash_code, CRASHED, server.last_words)
    if work is not None:
        code = server.exit_code
        words = server.last_words if code else ()
        yield Ending(work, code, CRASHED if code else DONE, words)


def _is_told(text: str, told: str) -> bool:
    """Whether a program was told this, and not a longer name or number of which it is a part."""
    return re.search(rf"(?<!\w){re.escape(text)}(?![\w./?-])", told) is not None


def _index_failure(server: ServerModel, run: Run) -> int | None:
    for failure in server.index_failures:
        if failure.index == run.index:
            attempts = run.restarts + run.failures_before
            if failure.times is None or attempts < failure.times:
                return failure.exit_code
    return None
