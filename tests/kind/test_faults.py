"""What happens to clusters in a room: killed, stopped, started twice, of the same name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.kind import KindProvider
from cluster.kind.engine import find_engine
from cluster.kind.state import Folder
from cluster.model import ClusterSpec, ClusterStatus
from tests.kind.talk import Talk

pytestmark = [pytest.mark.kind, pytest.mark.slow]

ALONE = ClusterSpec(name="mlk8s-e2e-killed", nodes=())


def test_two_ups_at_once_end_with_one_cluster(
    provider: KindProvider, running: ClusterStatus
) -> None:
    with ThreadPoolExecutor(2) as pool:
        spec = ClusterSpec(name=running.name)
        made = list(pool.map(lambda _: provider.create(spec), range(2)))
    assert all(status.running for status in made)
    assert len(find_engine().containers(Folder(running.name).engine_name)) == 4


def test_a_stopped_container_is_named_and_up_starts_it_again(
    provider: KindProvider, running: ClusterStatus
) -> None:
    talk = Talk(running, "default")
    talk.run("create", "configmap", "kept", "--from-literal=a=b")
    engine = find_engine()
    name = f"{Folder(running.name).engine_name}-control-plane"
    engine.run("kill", name)
    status = provider.status(running.name)
    assert not status.running
    assert name in status.detail
    assert "mlk8s up" in status.detail
    again = provider.create(ClusterSpec(name=running.name))
    assert again.running
    assert again.capabilities == running.capabilities
    assert talk.get("configmap", "kept")["data"] == {"a": "b"}


def test_a_creation_that_was_killed_does_not_block_the_next(provider: KindProvider) -> None:
    code = (
        "from cluster.kind import KindProvider; from cluster.model import ClusterSpec\n"
        f"KindProvider().create(ClusterSpec(name={ALONE.name!r}, nodes=()))"
    )
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    engine = find_engine()
    deadline = time.monotonic() + 60
    while not engine.containers(Folder(ALONE.name).engine_name):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    status = provider.status(ALONE.name)
    assert not status.running
    assert "interrupted" in status.detail
    assert provider.create(ALONE).running
    assert provider.delete(ALONE.name)
    assert not provider.delete(ALONE.name)
    assert engine.containers(Folder(ALONE.name).engine_name) == []
    assert ALONE.name not in provider.names()


def test_a_cluster_of_somebody_else_is_left_alone(
    provider: KindProvider, running: ClusterStatus
) -> None:
    folder = Folder(running.name)
    hidden = folder.path.with_name("hidden")
    folder.path.rename(hidden)
    try:
        with pytest.raises(ClusterError, match="did not make"):
            provider.create(ClusterSpec(name=running.name))
        assert not provider.delete(running.name)
        assert len(find_engine().containers(Folder(running.name).engine_name)) == 4
    finally:
        hidden.rename(folder.path)
