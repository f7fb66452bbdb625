"""Running a program on something that a learner wrote: within bounds, and with nothing at hand.

The program gets a folder of its own, an empty environment without a PATH, and bounds on time,
memory and output. What it asks for beyond these is the learner's doing; a machine that is too slow
or too small is not, and the two are told apart by the time that the program has really computed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import MachineError

LONGEST = 60.0
"""Seconds; what is run here takes less than one when it is as it should be."""
_CPU_SECONDS = 30
_MEMORY = 4 << 30
_OUTPUT = 8 << 20
_TRIED_HARD = 5.0
"""CPU seconds from which a run that was ended counts as its input's doing."""


class TooMuch(Exception):
    """The input asks for more work than any honest one does."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: its exit code, and what it said on both channels."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both channels on one line."""
        return " ".join(f"{self.out} {self.err}".split())


def tool(name: str) -> Path:
    """One of the programs that the package fetches or builds. Raises MachineError without it."""
    from cluster.binaries import ensure
    from cluster.errors import ClusterError

    try:
        return ensure([name])[name]
    except ClusterError as error:
        raise MachineError(str(error), error.hint) from error


def run(
    binary: Path,
    arguments: Sequence[str],
    folder: Path,
    codes: Sequence[int] = (0, 1),
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program in `folder`, which it may write to. `codes` are the ways to end in order.

    Raises TooMuch for an input that needs more than the bounds, MachineError for any other end.
    """
    out, err = folder / ".mlk8s-out", folder / ".mlk8s-err"
    values = {"HOME": str(folder), "GOMAXPROCS": "1", "GOTRACEBACK": "none", "PATH": ""}
    try:
        with out.open("wb") as said, err.open("wb") as complained:
            process = subprocess.Popen(
                [str(binary), *arguments],
                cwd=folder,
                env={**values, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(f"Cannot run {binary}: {error.strerror}.") from error
    _bound(process.pid)
    code, cpu = _wait(process)
    ran = Ran(code, _head(out), _head(err))
    if code not in codes:
        if cpu >= _TRIED_HARD or _is_out_of_memory(ran.err):
            raise TooMuch(f"{binary.name} was ended after {cpu:.0f} CPU seconds")
        raise MachineError(
            f"{binary.name} ended with code {code} on this machine: {ran.said[-300:]}"
        )
    return ran


def _head(path: Path) -> str:
    with path.open("rb") as file:
        found = file.read(_OUTPUT).decode(errors="replace")
    path.unlink()
    return found


def _is_out_of_memory(text: str) -> bool:
    return "out of memory" in text or "cannot allocate" in text or "file too large" in text


def _bound(pid: int) -> None:
    """Limit what the process may use, where the system can do so from outside."""
    if sys.platform != "linux":
        return
    import resource

    for what, most in (
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, _OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.prlimit(pid, what, (most, most))
        except (OSError, ValueError):
            return  # it has ended already, or a lower limit is in force


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """The exit code (negative for a signal) and the CPU seconds; ends what takes too long."""
    until = time.monotonic() + LONGEST
    pause = 0.002
    while True:
        late = time.monotonic() > until
        if late:
            process.kill()
        # wait4 instead of Popen.wait: only it tells what this one process has used.
        pid, status, used = os.wait4(process.pid, 0 if late else os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used.ru_utime + used.ru_stime
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
