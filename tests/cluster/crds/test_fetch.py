"""Where the definitions come from, and that nothing but the pinned bytes is ever used."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cluster.binaries import download
from cluster.binaries.golang import Go
from cluster.crds import fetch
from cluster.crds.catalog import CRD_SETS, CrdFile, CrdSet
from cluster.errors import ToolUnavailable

TEXT = b"kind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n---\n"
OTHER = b"kind: CustomResourceDefinition\nmetadata: {name: other.example.com}\n"


@pytest.fixture(autouse=True)
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CrdSet:
    """One small set instead of the real ones, and a cache of its own."""
    monkeypatch.setenv("MLK8S_CACHE", str(tmp_path / "cache"))
    file = CrdFile("crd/things.yaml", hashlib.sha256(TEXT).hexdigest())
    crds = CrdSet("keda", "Things", "1.2.3", "example.com/things/v1", "https://x.invalid", (file,))
    monkeypatch.setitem(CRD_SETS, "keda", crds)
    return crds


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> list[str]:
    """Let downloads answer this; returns the addresses that are asked for."""
    asked: list[str] = []

    def read(url: str, most: int) -> bytes:
        asked.append(url)
        if isinstance(content, Exception):
            raise content
        return content

    monkeypatch.setattr(download, "read", read)
    return asked


def go_that_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, error: str = ""
) -> None:
    """A Go whose `mod download -json` names an archive with this file."""
    archive = tmp_path / "module.zip"
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("example.com/things/v1@v1.2.3/crd/things.yaml", content)
    told: dict[str, Any] = {"Error": error} if error else {"Zip": str(archive)}
    script = tmp_path / "go"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(told)}\nEND\nexit {int(bool(error))}\n")
    script.chmod(0o755)
    monkeypatch.setattr(fetch, "find_go", lambda progress: Go(script, {"PATH": "/usr/bin:/bin"}))


def names(definitions: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["name"] for one in definitions]


def test_a_download_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, TEXT)
    assert fetch.missing(["keda"]) == ["keda"]
    for _ in range(2):
        assert names(fetch.ensure(["keda"])) == ["things.example.com"]
    assert asked == ["https://x.invalid/crd/things.yaml"]
    assert fetch.missing(["keda"]) == []


@pytest.mark.parametrize("answer", [OTHER, download.Unreachable("the host cannot be reached.")])
def test_the_module_has_it_where_the_release_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes | Exception
) -> None:
    serve(monkeypatch, answer)
    go_that_gives(monkeypatch, tmp_path, TEXT)
    assert names(fetch.ensure(["keda"])) == ["things.example.com"]


def test_other_bytes_are_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, OTHER)
    go_that_gives(monkeypatch, tmp_path, OTHER)
    with pytest.raises(ToolUnavailable, match="not as pinned"):
        fetch.ensure(["keda"])
    assert fetch.missing(["keda"]) == ["keda"]


def test_a_damaged_cache_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, TEXT)
    fetch.ensure(["keda"])
    (path,) = fetch._folder(CRD_SETS["keda"]).glob("*.yaml")
    path.write_bytes(OTHER)
    assert names(fetch.ensure(["keda"])) == ["things.example.com"]


def test_what_go_says_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, download.Unreachable("the host cannot be reached."))
    go_that_gives(monkeypatch, tmp_path, TEXT, error="no such version")
    with pytest.raises(ToolUnavailable, match="no such version"):
        fetch.ensure(["keda"])
