from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cluster.bundle import Item, Store
from cluster.bundle.archive import ImageConfig, Layer, write_image
from cluster.bundle.manifest import Kind


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("MLK8S_CACHE", str(path))
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "home"))
    return path


class Making:
    """Makes small items in a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def file(self, content: bytes) -> Path:
        path = self.folder / hashlib.sha256(content).hexdigest()[:8]
        path.write_bytes(content)
        return path

    def item(self, kind: Kind, name: str, content: bytes, **fields: object) -> Item:
        facts = {
            "kind": kind,
            "names": (name,),
            "version": "1",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "origin": "a test",
            **fields,
        }
        return Item.model_validate(facts)

    def store(self, store: Store, kind: Kind, name: str, content: bytes, **fields: object) -> Item:
        return store.add(self.item(kind, name, content, **fields), self.file(content))

    def image(self, target: Path, name: str = "example.com/a:v1") -> str:
        layer = self.folder / "layer.tar"
        with Layer(layer) as made:
            made.text("/etc/hello", "hello\n")
        return write_image(target, [layer], ImageConfig(command=("/hi",)), [name], "amd64")


@pytest.fixture
def making(tmp_path: Path) -> Making:
    return Making(tmp_path / "making")
