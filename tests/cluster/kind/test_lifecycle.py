"""create and delete with scripts in place of the engine and of kind."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest
import yaml

from cluster.errors import ClusterError
from cluster.kind import provider as module
from cluster.kind.provider import KindProvider
from cluster.kind.state import Folder
from cluster.model import ClusterSpec, ClusterStatus, NodeSpec, ProgressEvent
from tests.cluster.kind.fakes import FakeEngine
from tests.cluster.kind.test_files import KUBECONFIG

_KIND = """#!{python}
import json, os, pathlib, sys
root = pathlib.Path({root!r})
args = sys.argv[1:]
with (root / "kind-calls").open("a") as log:
    log.write(json.dumps([args, os.environ.get("KUBECONFIG", "")]) + "\\n")
name = args[args.index("--name") + 1]
if args[0] == "create":
    print(" • Preparing nodes x ...")
    if (root / "kind-fails").exists():
        print("ERROR: failed to create cluster: it rains")
        sys.exit(1)
    for part in ("control-plane", "worker"):
        (root / "containers" / f"{{name}}-{{part}}").write_text("running")
elif args[0] == "delete":
    for path in (root / "containers").iterdir():
        if path.name in (name + "-control-plane", name + "-worker"):
            path.unlink()
else:
    print({kubeconfig!r})
"""
SPEC = ClusterSpec(name="x", nodes=(NodeSpec(name="one"),))


@pytest.fixture
def machine(engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine.install("podman")
    program = tmp_path / "kind"
    program.write_text(
        _KIND.format(
            python=sys.executable, root=str(engine.root), kubeconfig=yaml.safe_dump(KUBECONFIG)
        )
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (engine.root / "images" / "my_node").write_text("sha256:1")
    monkeypatch.setenv("MLK8S_NODE_IMAGE", "my/node")
    monkeypatch.setattr(module, "MODULES", tmp_path)
    monkeypatch.setattr(module, "ensure", lambda names, progress: {"kind": program})

    def in_line(engine: object, folder: Folder, record: module.Record, progress: object) -> None:
        folder.write(record.model_copy(update={"phase": "ready"}))

    monkeypatch.setattr(module, "_bring_in_line", in_line)
    monkeypatch.setattr(module.images, "ensure_lab_images", lambda engine, progress: None)
    monkeypatch.setattr(module, "_wait_for_server", lambda folder, seconds: None)
    monkeypatch.setattr(
        KindProvider,
        "status",
        lambda self, name: ClusterStatus(name=name, provider="kind", running=True),
    )
    return engine


def _kind_calls(machine: FakeEngine) -> str:
    return (machine.root / "kind-calls").read_text()


def test_create_makes_a_cluster_once(machine: FakeEngine) -> None:
    seen: list[ProgressEvent] = []
    provider = KindProvider()
    provider.create(SPEC, seen.append)
    provider.create(SPEC)
    assert _kind_calls(machine).count('"create"') == 1
    assert provider.names() == ["x"]
    assert any(event.detail == "Preparing nodes" for event in seen)


def test_kind_is_kept_away_from_the_users_kubeconfig(machine: FakeEngine) -> None:
    KindProvider().create(SPEC)
    home = str(Folder("x").path)
    for line in _kind_calls(machine).splitlines():
        assert home in line.rpartition("]")[0].rpartition(", ")[2]
    assert not (Folder("x").path / "kind-kubeconfig").exists()


def test_stopped_containers_are_started_and_lost_ones_made_anew(machine: FakeEngine) -> None:
    provider = KindProvider()
    provider.create(SPEC)
    machine.container("x-worker", "exited")
    provider.create(SPEC)
    assert machine.calls("start") == [["start", "x-worker"]]
    (machine.root / "containers" / "x-worker").unlink()
    provider.create(SPEC)
    assert _kind_calls(machine).count('"create"') == 2


def test_other_nodes_need_another_cluster(machine: FakeEngine) -> None:
    provider = KindProvider()
    provider.create(SPEC)
    provider.create(SPEC.model_copy(update={"nodes": (NodeSpec(name="two"),)}))
    assert _kind_calls(machine).count('"create"') == 2


def test_a_failure_is_one_sentence_and_does_not_block_the_next(machine: FakeEngine) -> None:
    (machine.root / "kind-fails").touch()
    provider = KindProvider()
    with pytest.raises(ClusterError, match=r"could not create the cluster x: ERROR: .*it rains"):
        provider.create(SPEC)
    (machine.root / "kind-fails").unlink()
    assert provider.create(SPEC).running


def test_a_cluster_of_somebody_else_is_not_touched(machine: FakeEngine) -> None:
    machine.container("x-control-plane")
    with pytest.raises(ClusterError, match="did not make"):
        KindProvider().create(SPEC)
    assert not KindProvider().delete("x")
    assert (machine.root / "containers" / "x-control-plane").exists()


def test_delete_removes_exactly_it(machine: FakeEngine) -> None:
    machine.container("other-control-plane")
    provider = KindProvider()
    provider.create(SPEC)
    assert provider.delete("x")
    assert [path.name for path in (machine.root / "containers").iterdir()] == [
        "other-control-plane"
    ]
    assert provider.names() == []


def test_two_homes_have_two_clusters(machine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = KindProvider()
    provider.create(SPEC)
    monkeypatch.setenv("MLK8S_HOME", str(machine.root / "another-home"))
    provider.create(SPEC)
    there = Folder("x").engine_name
    assert there.startswith("x-")
    assert provider.delete("x")
    assert [path.name for path in (machine.root / "containers").iterdir()] == [
        "x-control-plane",
        "x-worker",
    ]


def test_a_cluster_whose_home_is_gone_is_removed_by_the_next(
    machine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = machine.root / "passing-home"
    with monkeypatch.context() as patch:
        patch.setenv("MLK8S_HOME", str(home))
        KindProvider().create(SPEC)
        lost = Folder("x").engine_name
    KindProvider().create(SPEC)
    assert machine.containers(lost)
    shutil.rmtree(home)
    KindProvider().create(SPEC)
    assert not machine.containers(lost)
    assert machine.containers("x")


def test_nodes_of_other_sizes_need_another_cluster(machine: FakeEngine) -> None:
    sized = SPEC.model_copy(update={"sized": True})
    machine.say({"NCPU": 2, "MemTotal": 8 << 30})
    provider = KindProvider()
    provider.create(sized)
    provider.create(sized)
    assert _kind_calls(machine).count('"create"') == 1
    machine.say({"NCPU": 4, "MemTotal": 8 << 30})
    provider.create(sized)
    assert _kind_calls(machine).count('"create"') == 2
