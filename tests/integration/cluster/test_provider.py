from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cluster.embedded import EmbeddedProvider, bringup, fresh
from cluster.embedded.state import Folder
from cluster.model import ClusterSpec, ClusterStatus, NodeSpec, ServerModel
from cluster.processes import find

from .helpers import api_of, eventually, kubectl

pytestmark = pytest.mark.embedded

ROOT = Path(__file__).resolve().parents[3]
SMALL = (NodeSpec(name="only"),)


@pytest.fixture(autouse=True)
def _home(embedded_home: None) -> None:
    pass


def test_it_is_what_was_asked_for(embedded_cluster: ClusterStatus) -> None:
    assert embedded_cluster.running
    assert embedded_cluster.nodes == ("cpu-worker-1", "cpu-worker-2", "gpu-worker")
    assert embedded_cluster.capabilities.control_plane == "real"
    assert embedded_cluster.capabilities.kubelet == "simulated"
    assert embedded_cluster.capabilities.containers is None
    assert embedded_cluster.kubeconfig is not None
    assert embedded_cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    with api_of(embedded_cluster.name) as api:
        gpu = api.call("GET", "/api/v1/nodes/gpu-worker")
        assert gpu["status"]["allocatable"]["nvidia.com/gpu"] == "1"
        assert api.version() == embedded_cluster.kubernetes_version


def test_its_kubeconfig_works_by_itself(embedded_cluster: ClusterStatus) -> None:
    assert embedded_cluster.kubeconfig is not None
    assert "cpu-worker-1" in kubectl(embedded_cluster.kubeconfig, "get", "nodes")


def test_admission_is_that_of_a_real_cluster(embedded_cluster: ClusterStatus) -> None:
    assert embedded_cluster.kubeconfig is not None
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "restricted",
            "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
        },
    }
    kubectl(embedded_cluster.kubeconfig, "apply", "-f", "-", manifests=[namespace])
    privileged = {
        "metadata": {"name": "p"},
        "spec": {
            "containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]
        },
    }
    with api_of(embedded_cluster.name) as api, pytest.raises(Exception, match="PodSecurity"):
        api.call("POST", "/api/v1/namespaces/restricted/pods", privileged)


def test_everything_listens_on_loopback_only(embedded_cluster: ClusterStatus) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("needs /proc")
    sockets = set()
    for process in Folder(embedded_cluster.name).processes():
        for handle in Path(f"/proc/{process.pid}/fd").iterdir():
            target = str(handle.readlink()) if handle.is_symlink() else ""
            sockets.add(target.removeprefix("socket:[").removesuffix("]"))
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                listening.append(words[1].partition(":")[0])
    assert len(listening) >= 6
    assert set(listening) == {"0100007F"}


def test_create_again_changes_nothing(embedded_cluster: ClusterStatus) -> None:
    before = {process.pid for process in Folder(embedded_cluster.name).processes()}
    again = EmbeddedProvider().create(ClusterSpec(name=embedded_cluster.name))
    assert again == embedded_cluster
    assert {process.pid for process in Folder(embedded_cluster.name).processes()} == before


def test_nodes_are_brought_in_line(embedded_cluster: ClusterStatus) -> None:
    provider = EmbeddedProvider()
    extra = NodeSpec(name="extra", cpu="2", labels={"zone": "a"})
    with api_of(embedded_cluster.name) as api:
        api.delete("/api/v1/nodes/cpu-worker-2")
    spec = ClusterSpec(name=embedded_cluster.name)
    changed = spec.model_copy(update={"nodes": (*spec.nodes, extra)})
    assert provider.create(changed).nodes == (
        "cpu-worker-1",
        "cpu-worker-2",
        "extra",
        "gpu-worker",
    )
    bigger = extra.model_copy(update={"cpu": "4", "labels": {"zone": "b"}})
    provider.create(spec.model_copy(update={"nodes": (*spec.nodes, bigger)}))
    with api_of(embedded_cluster.name) as api:
        node = api.call("GET", "/api/v1/nodes/extra")
    assert node["status"]["capacity"]["cpu"] == "4"
    assert node["metadata"]["labels"]["zone"] == "b"
    assert provider.create(spec).nodes == embedded_cluster.nodes


def test_the_users_own_kubeconfigs_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, own = tmp_path / "home", tmp_path / "own-config"
    (home / ".kube").mkdir(parents=True)
    content = "apiVersion: v1\nkind: Config\ncurrent-context: production\n"
    for path in (home / ".kube" / "config", own):
        path.write_text(content)
        path.chmod(0o600)
    monkeypatch.setenv("MLK8S_CACHE", str(_cache()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KUBECONFIG", str(own))
    with fresh(ClusterSpec(nodes=SMALL)):
        pass
    assert (home / ".kube" / "config").read_text() == own.read_text() == content
    assert [path.name for path in (home / ".kube").iterdir()] == ["config"]
    assert not (home / ".kwok").exists()


def _cache() -> Path:
    from cluster.paths import cache_dir

    return cache_dir()


def test_two_clusters_side_by_side_do_not_disturb_each_other() -> None:
    provider = EmbeddedProvider()
    failures: list[BaseException] = []

    def create(name: str) -> None:
        try:
            provider.create(ClusterSpec(name=name, nodes=SMALL))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=create, args=(name,)) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with api_of("left") as left, api_of("right") as right:
        left.call("POST", "/api/v1/namespaces", {"metadata": {"name": "only-left"}})
        assert right.get("/api/v1/namespaces/only-left") is None
    assert provider.delete("left") is True
    assert provider.status("right").running
    assert provider.delete("right") is True
    assert provider.delete("right") is False
    assert not Folder("right").processes()


@pytest.mark.parametrize("moment", ["kwokctl.yaml", "pids/etcd.pid", "pids/kube-scheduler.pid"])
def test_a_killed_up_does_not_block_the_next(moment: str) -> None:
    folder = Folder("killed")
    code = (
        "from cluster.embedded import EmbeddedProvider; from cluster.model import ClusterSpec;"
        "EmbeddedProvider().create(ClusterSpec(name='killed'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    awaited = folder.config if moment == "kwokctl.yaml" else folder.components / moment
    eventually(awaited.exists)
    process.kill()
    process.wait()
    provider = EmbeddedProvider()
    assert provider.status("killed").running is False
    status = provider.create(ClusterSpec(name="killed", nodes=SMALL))
    assert status.running
    assert status.nodes == ("only",)
    names = sorted(Path(p.argv[0]).name.partition("3")[0] for p in folder.processes())
    assert len(names) == 6
    assert provider.delete("killed")
    assert not folder.processes()


def test_an_interrupted_up_removes_what_it_began() -> None:
    folder = Folder("interrupted")
    code = (
        "from cluster.embedded import EmbeddedProvider; from cluster.model import ClusterSpec;"
        "EmbeddedProvider().create(ClusterSpec(name='interrupted'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    eventually((folder.components / "pids" / "etcd.pid").exists)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert not folder.processes()
    assert not folder.exists()


def test_down_leaves_other_processes_alone() -> None:
    provider = EmbeddedProvider()
    provider.create(ClusterSpec(name="careful", nodes=SMALL))
    folder = Folder("careful")
    code = "import time; time.sleep(600)"
    # One mentions the cluster's files, and one has the pid that a pid file names after a reboot.
    watcher = subprocess.Popen([sys.executable, "-c", code, str(folder.components / "bin/etcd")])
    stranger = subprocess.Popen([sys.executable, "-c", code])
    (folder.components / "pids" / "kwok-controller.pid").write_text(str(stranger.pid))
    try:
        assert provider.delete("careful")
        assert watcher.poll() is None
        assert stranger.poll() is None
        assert not folder.processes()
    finally:
        for process in (watcher, stranger):
            process.kill()
            process.wait()


def test_a_dead_component_is_restarted_and_nothing_is_lost() -> None:
    provider = EmbeddedProvider()
    spec = ClusterSpec(name="mended", nodes=SMALL, servers=(ServerModel(image="known"),))
    provider.create(spec)
    with api_of("mended") as api:
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})
    for process in Folder("mended").processes():
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda pid=process.pid: find(pid) is None)
    assert provider.status("mended").running is False
    assert provider.create(spec).running
    with api_of("mended") as api:
        assert api.get("/api/v1/namespaces/kept") is not None
    assert len(Folder("mended").processes()) == 6
    provider.delete("mended")


@pytest.mark.parametrize("option", ["etcdPort", "kubeApiserverPort", "kwokControllerPort"])
def test_a_port_that_was_taken_meanwhile_is_replaced(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, calls = bringup.choose_ports, []
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def unlucky_at_first() -> dict[str, int]:
            calls.append(option)
            clash = {option: taken.getsockname()[1]} if len(calls) == 1 else {}
            return {**choose(), **clash}

        monkeypatch.setattr(bringup, "choose_ports", unlucky_at_first)
        with fresh(ClusterSpec(nodes=SMALL)) as status:
            assert status.running
            assert len(Folder(status.name).processes()) == 6
    assert len(calls) == 2


def test_a_component_that_gives_up_while_the_cluster_starts_is_started_again() -> None:
    """As the controller manager does when a busy machine keeps it waiting for its API server."""
    folder, killed = Folder("tried-again"), []

    def kill_the_first() -> None:
        file = folder.components / "pids" / "kube-controller-manager.pid"
        eventually(lambda: file.exists() and file.read_text().strip())
        killed.append(int(file.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    provider = EmbeddedProvider()
    try:
        assert provider.create(ClusterSpec(name=folder.name, nodes=SMALL)).running
        killer.join()
        processes = folder.processes()
        assert len(processes) == 6
        assert killed[0] not in {process.pid for process in processes}
    finally:
        provider.delete(folder.name)


def test_a_fresh_cluster_is_gone_afterwards() -> None:
    with fresh(ClusterSpec(nodes=SMALL)) as status:
        assert status.running
        assert status.name != ClusterSpec().name
    assert status.name not in EmbeddedProvider().names()


def test_the_clusters_of_a_killed_process_are_reaped() -> None:
    code = (
        "import sys, time\n"
        "from cluster.embedded import fresh\n"
        "with fresh() as status:\n"
        "    print(status.name, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        provider = EmbeddedProvider()
        assert provider.reap() == []
        process.kill()
        process.wait()
    assert provider.reap() == [name]
    assert not Folder(name).processes()


def test_the_simulated_kubelet_ends_with_its_cluster() -> None:
    provider = EmbeddedProvider()
    provider.create(ClusterSpec(name="brief", nodes=SMALL))
    folder = Folder("brief")
    kubelets = [p for p in folder.processes() if "cluster.embedded.kubelet" in p.argv]
    (folder.path / "state.json").unlink()
    eventually(lambda: find(kubelets[0].pid) is None)
    assert time.monotonic() > 0
    provider.delete("brief")
