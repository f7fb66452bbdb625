from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cluster.processes import Process, alive, end, find, mine, myself

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)", "a marker"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def wait_for(process: subprocess.Popen[bytes]) -> Process:
    """The process as it is once the program has replaced the copy of ourselves."""
    for _ in range(500):
        found = find(process.pid)
        if found and "a marker" in " ".join(found.argv):
            return found
        time.sleep(0.01)
    raise AssertionError("the process never appeared")


def test_we_know_ourselves() -> None:
    me = myself()
    assert me.pid == os.getpid()
    assert alive(me.pid, me.started)
    assert me.pid in {process.pid for process in mine()}


def test_the_same_pid_with_another_start_is_another_process(
    sleeper: subprocess.Popen[bytes],
) -> None:
    process = wait_for(sleeper)
    stranger = Process(process.pid, process.started + "0", process.argv)
    assert not alive(stranger.pid, stranger.started)
    assert end([stranger]) == []
    assert sleeper.poll() is None


def test_it_is_ended(sleeper: subprocess.Popen[bytes]) -> None:
    assert end([wait_for(sleeper)]) == []
    assert sleeper.wait(timeout=10) < 0


def test_a_process_that_does_not_listen_is_ended_all_the_same() -> None:
    with subprocess.Popen(STUBBORN, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = find(process.pid)
        assert found is not None
        assert end([found], patience=0.2) == []


def test_what_has_ended_is_not_found() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    for _ in range(500):  # also as a zombie, which nobody has waited for yet
        if find(process.pid) is None:
            break
        time.sleep(0.01)
    assert find(process.pid) is None
    process.wait()
    assert find(0) is None
    assert find(-1) is None
