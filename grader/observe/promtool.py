"""promtool: Prometheus' own parser and engine for rules, run on a learner's file.

The file is not trusted: an expression or a template may ask for any amount of work. promtool runs
in a folder of its own with an empty environment and with bounds on time, memory and output. It
reads no other file and opens no connection for these two commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError, MachineError

LONGEST = 60.0
"""Seconds; a right rules file takes less than one."""
_CPU_SECONDS = 30
_MEMORY = 4 << 30
_OUTPUT = 8 << 20
_TRIED_HARD = 5.0
"""CPU seconds from which a run that was ended counts as the rules' own doing."""
_MESSAGE = 2000


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One unit test of rules; `message` holds promtool's words where it failed."""

    name: str
    passed: bool
    message: str = ""


class TooMuch(Exception):
    """The rules ask for more work than any honest rules do."""


def check_rules(binary: Path, rules: Path) -> str:
    """promtool's complaint about a rules file, or an empty string.

    Raises TooMuch, or MachineError when promtool itself cannot run.
    """
    code, said = _run(binary, ["check", "rules", rules.name], rules.parent)
    if code == 0:
        return ""
    words = said.replace(f"Checking {rules.name}", "").replace("FAILED:", "")
    return " ".join(words.split())[:_MESSAGE] or f"promtool ended with code {code}"


def test_rules(binary: Path, folder: Path, files: Sequence[str]) -> list[TestOutcome]:
    """The outcome of every test in these files of `folder`, in order.

    Raises CourseError for tests that promtool cannot read, TooMuch and MachineError as above.
    """
    report = folder / "junit.xml"
    report.unlink(missing_ok=True)
    arguments = ["test", "rules", f"--junit={report.name}", *files]
    code, said = _run(binary, arguments, folder)
    outcomes = _read_report(report, said)
    if (code == 0) != all(outcome.passed for outcome in outcomes):
        raise MachineError(f"promtool ended with code {code}, which its report does not explain.")
    return outcomes


def _read_report(path: Path, said: str) -> list[TestOutcome]:
    from xml.etree import ElementTree

    try:
        # Written by promtool's own encoder, never by a learner.
        root = ElementTree.parse(path).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        words = " ".join(said.split())[-300:]
        raise MachineError(f"promtool left no report of its tests: {words or error}") from error
    found = []
    for case in root.iter("testcase"):
        name = case.get("name") or ""
        if (fault := case.findtext("error")) or name.startswith(("unnamed#", "unknown")):
            raise CourseError(f"promtool cannot use the lab's test {name}: {fault or 'no name'}")
        failures = [" ".join((failure.text or "").split()) for failure in case.iter("failure")]
        found.append(TestOutcome(name, not failures, "; ".join(failures)[:_MESSAGE]))
    return found


def _run(binary: Path, arguments: list[str], folder: Path) -> tuple[int, str]:
    """The exit code and the words of one run within its bounds."""
    log = folder / "promtool.log"
    environment = {"HOME": str(folder), "GOMAXPROCS": "1", "GOTRACEBACK": "none"}
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(binary), *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(f"Cannot run {binary}: {error.strerror}.") from error
    _bound(process.pid)
    code, cpu = _wait(process)
    with log.open("rb") as output:
        said = output.read(_OUTPUT).decode(errors="replace")
    if code not in (0, 1, 3):
        if cpu >= _TRIED_HARD or "out of memory" in said or "cannot allocate" in said:
            raise TooMuch(f"promtool was ended after {cpu:.0f} CPU seconds")
        words = " ".join(said.split())[-300:]
        raise MachineError(f"promtool ended with code {code} on this machine: {words}")
    return code, said


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
