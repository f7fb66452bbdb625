"""Choosing a context by name: what is read, what is refused, and that nothing is written there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import kubeconfig
from cluster.errors import CannotProvide, ClusterDown


def config(*names: str, server: str = "https://127.0.0.1:1", **user: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": names[0],
        "clusters": [{"name": n, "cluster": {"server": server}} for n in names],
        "users": [{"name": n, "user": user or {"token": "t"}} for n in names],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
    }


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "home"))


def write(path: Path, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def test_no_such_context_names_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "config", config("lab", "other"), monkeypatch)
    with pytest.raises(CannotProvide, match=r"no context 'x'; it has lab, other"):
        kubeconfig.use_context("x")


@pytest.mark.parametrize(
    "name", ["prod", "eu-prod-1", "gke_acme_production", "live.example", "PRD"]
)
def test_production_is_refused_unless_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(tmp_path / "config", config(name), monkeypatch)
    with pytest.raises(CannotProvide, match="looks like production"):
        kubeconfig.use_context(name)
    with pytest.raises(CannotProvide, match="looks like production"):
        kubeconfig.use_context(name, really="something-else")
    with pytest.raises(ClusterDown):  # told twice: now it is asked, and nobody is there
        kubeconfig.use_context(name, really=name)


def test_a_server_that_looks_like_production_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = "https://api.prod.example.com"
    write(tmp_path / "config", config("harmless", server=server), monkeypatch)
    with pytest.raises(CannotProvide, match=r"server https://api\.prod"):
        kubeconfig.use_context("harmless")


@pytest.mark.parametrize("name", ["products", "reproduce", "deliver", "olive", "lab"])
def test_words_that_only_contain_it_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(tmp_path / "config", config(name), monkeypatch)
    with pytest.raises(ClusterDown):
        kubeconfig.use_context(name)


def test_files_are_merged_and_the_first_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(yaml.safe_dump(config("lab", server="https://127.0.0.1:1")))
    second.write_text(yaml.safe_dump(config("lab", "more", server="https://127.0.0.1:2")))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(first), "", str(second)]))
    assert kubeconfig.contexts() == ["lab", "more"]
    assert kubeconfig._extract("lab")["clusters"][0]["cluster"]["server"].endswith(":1")


def test_relative_credentials_are_found_beside_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = config("lab", **{"client-certificate": "pki/me.crt", "client-key": "/abs/me.key"})
    write(tmp_path / "config", content, monkeypatch)
    user = kubeconfig._extract("lab")["users"][0]["user"]
    assert user["client-certificate"] == str(tmp_path / "pki" / "me.crt")
    assert user["client-key"] == "/abs/me.key"


def test_the_users_file_is_only_read_and_the_copy_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "config", config("lab", "other"), monkeypatch)
    before = path.read_bytes()
    with pytest.raises(ClusterDown):
        kubeconfig.use_context("lab")
    assert path.read_bytes() == before
    (copy,) = (tmp_path / "home" / "contexts").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = yaml.safe_load(copy.read_text())
    assert [entry["name"] for entry in kept["contexts"]] == ["lab"]


def test_a_file_that_is_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text("{ broken")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(CannotProvide, match="cannot be read"):
        kubeconfig.use_context("lab")
