"""Processes of this user: telling which are the ones we mean, and ending exactly those.

A pid alone proves nothing: it may have been reused since it was written down. Every process is
therefore known by pid *and* start time, or by its command line, and on Linux it is ended through a
pidfd opened before that check.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Process:
    """A process by pid, start time (an opaque token that differs after reuse) and arguments."""

    pid: int
    started: str
    argv: tuple[str, ...]


Match = Callable[[Process], bool]


def _from_proc(pid: int) -> Process | None:
    folder = Path("/proc") / str(pid)
    try:
        if folder.stat().st_uid != os.getuid():
            return None
        raw = (folder / "cmdline").read_bytes()
        # The name in parentheses may hold spaces, so fields are counted from the last one on.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] == "Z":
        return None  # a zombie has ended already; only its parent has not noticed
    # Empty for a moment while a new program is being loaded, and for threads of the kernel.
    parts = raw.rstrip(b"\0").split(b"\0") if raw else []
    argv = tuple(part.decode(errors="replace") for part in parts)
    return Process(pid, fields[19], argv)


def _from_ps(arguments: list[str]) -> Iterator[Process]:
    command = ["ps", "-ww", "-o", "pid=,stat=,lstart=,command=", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    for line in done.stdout.splitlines():
        parts = line.split(None, 7)
        if len(parts) == 8 and not parts[1].startswith("Z"):
            yield Process(int(parts[0]), " ".join(parts[2:7]), tuple(parts[7].split(" ")))


def find(pid: int) -> Process | None:
    """The living process with this pid, if it is this user's."""
    if pid <= 0:
        return None
    if LINUX:
        return _from_proc(pid)
    return next(_from_ps(["-p", str(pid)]), None)


def mine() -> Iterator[Process]:
    """Every living process of this user."""
    if not LINUX:
        yield from _from_ps(["-U", str(os.getuid())])
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (process := _from_proc(int(entry.name))):
            yield process


def alive(pid: int, started: str) -> bool:
    """Whether that very process still runs."""
    process = find(pid)
    return process is not None and process.started == started


def myself() -> Process:
    """This process."""
    process = find(os.getpid())
    if process is None:  # pragma: no cover - /proc is not mounted
        return Process(os.getpid(), "", ())
    return process


def _signal(process: Process, number: signal.Signals) -> bool:
    """Send a signal to exactly this process; False if it has gone."""
    if not LINUX or not hasattr(os, "pidfd_open"):
        if not alive(process.pid, process.started):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        return True
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # Checked after opening: from here on the handle cannot mean another process.
        if not alive(process.pid, process.started):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def end(processes: Iterable[Process], patience: float = 0.0) -> list[Process]:
    """End these processes: politely with `patience` seconds to go, then for good.

    Returns those that still live (another user's, or stuck in the kernel).
    """
    waiting = list(processes)
    if patience > 0:
        waiting = _until_gone([p for p in waiting if _signal(p, signal.SIGTERM)], patience)
    waiting = [process for process in waiting if _signal(process, signal.SIGKILL)]
    return _until_gone(waiting, 10.0)


def _until_gone(processes: list[Process], seconds: float) -> list[Process]:
    deadline = time.monotonic() + seconds
    waiting = processes
    while waiting and time.monotonic() < deadline:
        waiting = [process for process in waiting if alive(process.pid, process.started)]
        if waiting:
            time.sleep(0.01)
    return waiting
