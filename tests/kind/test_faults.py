"""What happens to clusters in a room: killed, stopped, started twice, of the same name."""

from __future__ import annotations

import json
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
from grader.grading.where import all_servers
from grader.load.labs import find_lab
from tests.kind.talk import Talk, eventually

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


def _mlk8s(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "grader.cli", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in err
    return process.returncode, out, err


def _check(number: str) -> tuple[str, ...]:
    solution = str(find_lab(number).solution)
    return ("check", number, "--submission", solution, "--cluster", "kind", "--json")


def test_a_container_killed_while_grading_is_no_verdict_and_the_next_run_mends_it(
    running: ClusterStatus,
) -> None:
    talk = Talk(running, "default")
    process = _mlk8s(*_check("14"))
    eventually(lambda: "mlk8s.dev/run" in talk.run("get", "namespaces", "-o", "json"))
    find_engine().run("kill", f"{Folder(running.name).engine_name}-control-plane")
    code, out, err = _ended(process)
    assert code == 3, out + err
    if out:
        result = json.loads(out)
        assert result["complete"] is False
        needs_cluster = [check for check in result["checks"] if check["needs"] != "manifests"]
        assert {check["status"] for check in needs_cluster} == {"error"}
    code, out, err = _ended(_mlk8s(*_check("14")))
    assert code == 0, out + err


def test_an_image_that_has_gone_from_a_node_is_given_again(
    provider: KindProvider, running: ClusterStatus
) -> None:
    image = "registry.example.com/preprocess:v1.0.0"
    engine = find_engine()
    nodes = engine.containers(Folder(running.name).engine_name)
    worker = next(node.name for node in nodes if node.role == "worker")
    ctr = ("exec", worker, "ctr", "--namespace=k8s.io", "images")
    engine.run(*ctr, "rm", image, seconds=60)
    assert image not in engine.run(*ctr, "ls", "--quiet")
    provider.create(ClusterSpec(name=running.name, servers=all_servers()))
    assert image in engine.run(*ctr, "ls", "--quiet")


def test_a_full_disk_while_images_are_loaded_is_said_and_the_next_up_works(
    provider: KindProvider, running: ClusterStatus
) -> None:
    engine = find_engine()
    nodes = engine.containers(Folder(running.name).engine_name)
    worker = next(node.name for node in nodes if node.role == "worker")

    def inside(script: str) -> None:
        engine.run("exec", worker, "sh", "-c", script, seconds=60)

    inside("mount -t tmpfs -o size=64k tmpfs /kind/mirror && rm /kind/mlk8s-images")
    spec = ClusterSpec(name=running.name, servers=all_servers())
    try:
        with pytest.raises(ClusterError, match="disk is full"):
            provider.create(spec)
    finally:
        inside("umount /kind/mirror")
    assert provider.create(spec).running


def test_nothing_has_touched_the_users_own_kubeconfig(
    running: ClusterStatus, default_kubeconfig: bytes | None
) -> None:
    assert running.running
    own = Path.home() / ".kube" / "config"
    assert (own.read_bytes() if own.exists() else None) == default_kubeconfig
