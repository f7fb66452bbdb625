"""The cluster's folder, its configuration, addresses and nodes: everything without a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster.embedded import EmbeddedProvider
from cluster.embedded.config import Tools, choose_ports, component_environment, kwokctl_config
from cluster.embedded.kubelet.addresses import Addresses
from cluster.embedded.nodes import node_object, node_status
from cluster.embedded.ports import free_ports
from cluster.embedded.simulation import decode, digest, encode, merged
from cluster.embedded.state import Folder, Record, folders
from cluster.errors import ClusterBusy, ClusterDown, ClusterError
from cluster.model import DEFAULT_NODES, KUBERNETES_VERSION, ClusterSpec, NodeSpec, ServerModel
from cluster.processes import Process


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "home with space"))
    return tmp_path / "home with space"


RECORD = Record(phase="ready", spec=ClusterSpec(name="a"), kubernetes_version=KUBERNETES_VERSION)


def test_a_record_is_read_as_it_was_written() -> None:
    folder = Folder("a")
    assert folder.read() is None
    folder.write(RECORD)
    assert folder.read() == RECORD
    assert [found.name for found in folders()] == ["a"]
    folder.remove()
    assert folders() == []


def test_a_damaged_record_counts_as_none() -> None:
    folder = Folder("a")
    folder.write(RECORD)
    (folder.path / "state.json").write_text('{"phase": "rea')
    assert folder.read() is None


def test_an_interrupted_removal_is_finished_later(home: Path) -> None:
    Folder("a").write(RECORD)
    left = home / "clusters" / ".deleted-b-999999999"
    left.mkdir()
    assert [found.name for found in folders()] == ["a"]
    assert not left.exists()


def test_one_lock_for_each_cluster() -> None:
    with Folder("a").locked():
        with Folder("b").locked(seconds=0):
            pass
        with pytest.raises(ClusterBusy, match="Another process"), Folder("a").locked(seconds=0):
            pass


def test_only_its_own_processes_belong_to_a_cluster() -> None:
    folder = Folder("a")

    def ours(*argv: str) -> bool:
        return folder._is_ours(Process(1, "", argv))

    etcd = str(folder.components / "bin" / "etcd")
    kubelet = ("python", "-m", "cluster.embedded.kubelet", "--folder")
    assert ours(etcd, "--name=node0")
    assert ours(*kubelet, str(folder.path))
    assert ours("/x/kwokctl", "create", "cluster", "--config", str(folder.config))
    assert not ours("tail", "-f", str(folder.components / "logs" / "etcd.log"))
    assert not ours("vi", etcd)
    assert not ours(etcd.replace("clusters/a", "clusters/ab"))
    assert not ours(*kubelet, f"{folder.path}b")
    assert not ours(*kubelet, str(folder.path.with_name("other")))


def test_what_is_not_there_has_a_status_and_no_kubeconfig() -> None:
    provider = EmbeddedProvider()
    status = provider.status("a")
    assert (status.running, status.detail) == (False, "There is no cluster a.")
    assert provider.names() == []
    assert provider.delete("a") is False
    with pytest.raises(ClusterDown):
        provider.kubeconfig("a")
    with pytest.raises(ClusterDown):
        provider.capabilities("a")
    with pytest.raises(ClusterDown):
        provider.teach("a", ())


def test_a_cluster_whose_server_is_gone_is_not_running() -> None:
    Folder("a").write(RECORD)
    status = EmbeddedProvider().status("a")
    assert (status.running, status.detail) == (False, "The control plane of a does not answer.")


@pytest.mark.parametrize("text", ["0", "-1", "2", "fast"])
def test_a_senseless_time_factor_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_TIME_FACTOR", text)
    with pytest.raises(ClusterError, match="must be between"):
        EmbeddedProvider()._wanted_factor()


def test_a_home_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "file"))
    with pytest.raises(ClusterError, match="Cannot create the folder"), Folder("a").locked():
        pass


TOOLS = Tools.from_paths(
    {
        name: Path("/bin") / name
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubectl",
            "etcd",
            "kwok",
            "kwokctl",
        )
    }
)


def test_everything_listens_on_loopback_only() -> None:
    documents = list(yaml.safe_load_all(kwokctl_config(TOOLS, choose_ports(), "1.35.4")))
    options = documents[0]["options"]
    assert options["bindAddress"] == "127.0.0.1"
    ports = [value for key, value in options.items() if key.endswith("Port")]
    assert len(set(ports)) == 6
    assert all(20000 <= port < 30000 for port in ports)
    assert {d["spec"]["resourceRef"]["kind"] for d in documents[1:]} == {"Node"}


def test_the_users_settings_do_not_reach_the_components(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KWOK_KUBE_VERSION", "v1.20.0")
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/.kube/config")
    values = component_environment(tmp_path)
    assert "KWOK_KUBE_VERSION" not in values
    assert values["KUBECONFIG"].startswith(str(tmp_path))
    assert values["KUBECACHEDIR"].startswith(str(tmp_path))


def test_ports_are_free_and_different() -> None:
    assert len(set(free_ports(50))) == 50


def test_addresses_are_unique_and_not_reused_soon() -> None:
    addresses = Addresses()
    addresses.mark("10.0.0.3")
    first = [addresses.take("10.0.0.0/28") for _ in range(3)]
    assert first == ["10.0.0.2", "10.0.0.4", "10.0.0.5"]
    addresses.give_back("10.0.0.2")
    assert addresses.take("10.0.0.0/28") == "10.0.0.6"
    rest = [addresses.take("10.0.0.0/28") for _ in range(9)]
    assert rest[-1] == "10.0.0.2"
    with pytest.raises(OSError, match="no address is left"):
        addresses.take("10.0.0.0/28")


def test_the_gpu_node_looks_like_one() -> None:
    spec = DEFAULT_NODES[2]
    node, status = node_object(spec, 2), node_status(spec, 2)
    assert node["metadata"]["labels"]["accelerator"] == "nvidia-a100"
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "gpu-worker"
    assert node["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    ]
    assert status["capacity"]["nvidia.com/gpu"] == status["allocatable"]["nvidia.com/gpu"] == "1"
    plain = node_status(NodeSpec(name="n"), 0)
    assert "nvidia.com/gpu" not in plain["capacity"]


def test_servers_survive_the_configmap_and_are_replaced_by_image() -> None:
    one, two = ServerModel(image="a", load=1.5, ready=("/r",)), ServerModel(image="b", port=1)
    assert decode(encode((one, two), 0.05)) == ((one, two), 0.05)
    newer = ServerModel(image="a", load=9)
    assert merged((one, two), (newer,)) == (two, newer)
    assert digest(encode((one,), 0.05)) != digest(encode((newer,), 0.05))


def test_the_embedded_provider_does_not_import_the_grader() -> None:
    code = (
        "import sys, cluster.embedded, cluster.choose, cluster.embedded.kubelet.server;"
        "sys.exit(any(name.split('.')[0] == 'grader' for name in sys.modules))"
    )
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == 0
