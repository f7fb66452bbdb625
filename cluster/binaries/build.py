"""Builds from pinned Go modules, with progress that is counted and not guessed.

`go list` names the packages that a program consists of, `go build -v` prints each one as it is
compiled; so the share that is done is known, and the time that is left follows from the time spent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cluster.binaries.catalog import PROJECTS, Tool
from cluster.binaries.golang import Go
from cluster.errors import ToolUnavailable
from cluster.model import Progress, ProgressEvent

MODULE_SECONDS = 20.0
"""What fetching a project's modules takes on a good line; weighs progress only."""


@dataclass
class Estimate:
    """How far a series of builds is, and how long the rest may take.

    Weights are seconds on two cores; other machines are scaled from there. The more is done, the
    more the time counts that it really took.
    """

    total: float
    cores: int = field(default_factory=lambda: os.cpu_count() or 2)
    clock: Callable[[], float] = time.monotonic
    done: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def took(self, expected: float, actual: float) -> None:
        """A step of this weight is over; where it was shorter, the whole is shorter by as much."""
        actual = min(expected, actual)
        self.total -= expected - actual
        self.done += actual

    def fraction(self, current: float = 0.0) -> float:
        """The share that is done, with so much weight of the current step; never quite 1."""
        return min(0.99, (self.done + current) / self.total) if self.total else 0.99

    def remaining(self, current: float = 0.0) -> float:
        """Seconds that are left, as far as one can say."""
        share = self.fraction(current)
        # Linking and a few huge packages do not spread over many cores.
        expected = self.total * (0.25 + 0.75 * 2 / max(self.cores, 1))
        elapsed = self.clock() - self._began
        return (1 - share) * ((1 - share) * expected + elapsed) if share > 0 else expected


def estimate_for(tools: Iterable[Tool]) -> Estimate:
    """An estimate for building these programs from nothing."""
    wanted = list(tools)
    projects = {tool.project for tool in wanted}
    seconds = sum(tool.build_seconds for tool in wanted)
    return Estimate(seconds + MODULE_SECONDS * len(projects))


class Builder:
    """Builds programs of one project, one after the other."""

    def __init__(self, project: str, go: Go, estimate: Estimate, progress: Progress) -> None:
        self._project = PROJECTS[project]
        self._go = go
        self._estimate = estimate
        self._progress = progress
        self._packages: dict[str, int] = {}

    def prepare(self, tools: Iterable[Tool]) -> None:
        """Fetch the modules that these programs need. Raises ToolUnavailable."""
        action = f"Fetching the modules of {self._project.name} {self._project.version}"
        self._say(action, "started", 0)
        began = time.monotonic()
        for tool in tools:
            listed = self._run(["list", "-mod=readonly", "-deps", tool.package], action)
            self._packages[tool.name] = max(1, len(listed))
        # Modules that are in the module cache already cost nothing.
        self._estimate.took(MODULE_SECONDS, time.monotonic() - began)
        self._say(action, "done", 0)

    def build(self, tool: Tool, target: Path) -> None:
        """Build one program to `target`. Raises ToolUnavailable with the compiler's last words."""
        action = f"Building {tool.name}"
        self._say(action, "started", 0)
        expected = self._packages.get(tool.name, 1)
        # The share is counted in packages; the last tenth is the linker's.
        weight = 0.9 * tool.build_seconds / expected

        def compiled(count: int) -> None:
            self._say(action, "running", min(count, expected) * weight)

        arguments = [
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            "-v",
            *(["-tags", self._project.tags] if self._project.tags else []),
            "-ldflags",
            f"-s -w {self._project.ldflags}".strip(),
            "-o",
            str(target),
            tool.package,
        ]
        self._run(arguments, action, compiled)
        self._estimate.done += tool.build_seconds
        self._say(action, "done", 0)

    def _say(self, action: str, state: str, current: float) -> None:
        self._progress(
            ProgressEvent(
                action,
                "started" if state == "started" else "done" if state == "done" else "running",
                fraction=self._estimate.fraction(current),
                remaining=self._estimate.remaining(current),
            )
        )

    def _run(
        self, arguments: list[str], action: str, on_line: Callable[[int], None] | None = None
    ) -> list[str]:
        """Run Go in the pinned module; returns its lines, reporting their number as they come."""
        lines: deque[str] = deque(maxlen=10_000)
        try:
            process = subprocess.Popen(
                [str(self._go.command), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self._project.module,
                env=self._go.environment,
                # A group of its own, so that its compilers can be ended with it.
                start_new_session=True,
            )
        except OSError as error:
            raise ToolUnavailable(f"Cannot run {self._go.command}: {error.strerror}.") from error
        try:
            for number, line in enumerate(process.stdout or (), 1):
                lines.append(line.rstrip())
                if on_line:
                    on_line(number)
            code = process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            if process.stdout:
                process.stdout.close()
        if code != 0:
            self._progress(ProgressEvent(action, "failed"))
            words = " / ".join(list(lines)[-3:])
            raise ToolUnavailable(f"{action} failed: {words}")
        return list(lines)
