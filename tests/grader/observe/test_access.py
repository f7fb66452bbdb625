from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.errors import MachineError
from grader.observe.access import read_access
from grader.observe.client import Api, ClusterLost


def write(path: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    config = {
        "current-context": "mine",
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_tokens_and_settings(tmp_path: Path) -> None:
    more = {"insecure-skip-tls-verify": True, "proxy-url": "http://p:1", "tls-server-name": "n"}
    access = read_access(write(tmp_path / "k", {"token": "abc"}, **more))
    assert access.server == "https://127.0.0.1:1"
    assert access.authorization() == "Bearer abc"
    assert (access.proxy, access.server_name) == ("http://p:1", "n")
    assert read_access(write(tmp_path / "k")).authorization() == ""


@pytest.mark.parametrize(
    "content",
    ["", "[1]", "current-context: x\n", "{", "current-context: x\ncontexts: [{name: x}]\n"],
)
def test_a_kubeconfig_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(MachineError, match="cannot be used"):
        read_access(path)


def test_bad_credentials_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be used"):
        read_access(tmp_path / "missing")
    bad = {"client-certificate-data": "aGk=", "client-key-data": "aGk="}
    with pytest.raises(MachineError, match="cannot be used"):
        read_access(write(tmp_path / "k", bad))
    gone = {"client-certificate": "gone.crt", "client-key": "gone.key"}
    with pytest.raises(MachineError, match="cannot be used"):
        read_access(write(tmp_path / "k", gone))
    with pytest.raises(MachineError, match="no credentials"):
        read_access(write(tmp_path / "k", {"exec": {"command": "/nonexistent"}}))


def test_a_plugin_for_logging_in_is_run_by_the_package(tmp_path: Path) -> None:
    plugin = tmp_path / "login"
    plugin.write_text(
        f'#!{sys.executable}\nprint(\'{{"apiVersion": "client.authentication.k8s.io/v1", '
        '"kind": "ExecCredential", "status": {"token": "from-plugin"}}\')\n'
    )
    plugin.chmod(0o755)
    login = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "interactiveMode": "Never",
    }
    access = read_access(write(tmp_path / "k", {"exec": login}))
    assert access.authorization() == "Bearer from-plugin"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        path = write(tmp_path / "k", server=f"https://127.0.0.1:{port}")
        api = Api(read_access(path), patience=0)
        with pytest.raises(ClusterLost, match="refused the connection"):
            api.get("/version")
        with pytest.raises(ClusterLost, match="refused the connection"):
            api.stream("/api/v1/pods", {"watch": "1"})


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = write(tmp_path / "k", server=f"https://127.0.0.1:{silent.getsockname()[1]}")
        api = Api(read_access(path), patience=0, timeout=0.2)
        with pytest.raises(ClusterLost, match="is silent"):
            api.get("/version")


def test_plain_logins_do_not_load_the_package() -> None:
    code = (
        "import sys, grader.observe.play, grader.observe.live\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'kubernetes']"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
