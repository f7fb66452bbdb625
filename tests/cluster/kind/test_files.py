from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from cluster.bundle.source import recipe
from cluster.errors import ClusterBusy, ClusterDown, ClusterError
from cluster.kind.bringup import reason_of
from cluster.kind.config import kind_config
from cluster.kind.state import Folder, Record, names
from cluster.model import ClusterSpec


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path))


def test_the_configuration_has_the_nodes_of_the_spec() -> None:
    config = yaml.safe_load(kind_config(ClusterSpec(), restrict_oom=False))
    assert [node["role"] for node in config["nodes"]] == ["control-plane", *["worker"] * 3]
    joins = [yaml.safe_load(node["kubeadmConfigPatches"][0]) for node in config["nodes"][1:]]
    registrations = [join["nodeRegistration"] for join in joins]
    assert [r["name"] for r in registrations] == ["cpu-worker-1", "cpu-worker-2", "gpu-worker"]
    assert registrations[2]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    ]
    assert config["nodes"][3]["labels"] == {"accelerator": "nvidia-a100"}
    kubelet = yaml.safe_load(config["kubeadmConfigPatches"][0])
    assert kubelet == {"kind": "KubeletConfiguration", "failCgroupV1": False}
    assert config["networking"]["apiServerAddress"] == "127.0.0.1"
    network = (recipe.FILES / "network.yaml").read_text()
    assert config["networking"]["serviceSubnet"] in network
    assert len(config["containerdConfigPatches"]) == 1
    assert "certs.d" in config["containerdConfigPatches"][0]


def test_a_sandbox_does_not_protect_processes_from_the_oom_killer() -> None:
    config = yaml.safe_load(kind_config(ClusterSpec(), restrict_oom=True))
    assert "restrict_oom_score_adj = true" in config["containerdConfigPatches"][1]


KUBECONFIG = {
    "apiVersion": "v1",
    "clusters": [
        {
            "name": "kind-x",
            "cluster": {
                "server": "https://127.0.0.1:4321",
                "certificate-authority-data": base64.b64encode(b"CA").decode(),
            },
        }
    ],
    "users": [
        {
            "name": "kind-x",
            "user": {
                "client-certificate-data": base64.b64encode(b"CERT").decode(),
                "client-key-data": base64.b64encode(b"KEY").decode(),
            },
        }
    ],
}


def test_the_kubeconfig_is_private_and_bears_our_name() -> None:
    folder = Folder("x")
    folder.write(Record(phase="ready", spec=ClusterSpec(name="x"), engine="podman", image="i"))
    folder.write_kubeconfig(yaml.safe_dump(KUBECONFIG))
    assert folder.kubeconfig.stat().st_mode & 0o777 == 0o600
    written = yaml.safe_load(folder.kubeconfig.read_text())
    assert written["current-context"] == "mlk8s-x"
    access = folder.access()
    assert access.server == "https://127.0.0.1:4321"
    assert access.key.read_bytes() == b"KEY"
    assert access.key.stat().st_mode & 0o777 == 0o600
    assert names() == ["x"]
    folder.remove()
    assert names() == []


def test_a_kubeconfig_that_is_none_is_refused() -> None:
    with pytest.raises(ClusterError, match="no usable kubeconfig"):
        Folder("x").write_kubeconfig("clusters: []")
    with pytest.raises(ClusterDown, match="There is no cluster x"):
        Folder("x").access()


def test_one_at_a_time() -> None:
    with (
        Folder("x").locked(),
        pytest.raises(ClusterBusy, match="Another process"),
        Folder("x").locked(seconds=0.05),
    ):
        pass


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: x\nCommand Output: writing: no space left on device", "the disk is full."),
        (
            "ERROR: failed\n\nCommand Output: warning\nError: runc: cannot start",
            "Error: runc: cannot start",
        ),
        ("Creating\nERROR: failed to create cluster: odd", "ERROR: failed to create cluster: odd"),
        ("", "it said nothing."),
    ],
)
def test_what_kind_says_becomes_one_sentence(said: str, reason: str) -> None:
    assert reason_of(said.splitlines()) == reason
