from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from cluster import bundle
from cluster.binaries.catalog import KNOWN
from cluster.binaries.resolve import cached_path
from cluster.bundle import Item, Store
from cluster.crds.fetch import place_of
from cluster.errors import ClusterError
from cluster.model import ProgressEvent
from tests.cluster.bundle.conftest import Making

NODE = b"the node image" * 10_000


@pytest.fixture
def made(making: Making, tmp_path: Path) -> tuple[Path, str]:
    """A bundle with one of each kind, and its digest."""
    contents: list[tuple[Item, Path]] = []
    for kind, name, content in (
        ("node-image", "localhost/node:v1", NODE),
        ("image", "example.com/server:v1", b"server"),
        ("binary", "kind", b"#!/bin/sh\n"),
        ("definition", "vpa-v1-crd-gen.yaml", b"kind: CustomResourceDefinition\n"),
        ("wheel", "thing-1.0-py3-none-any.whl", b"wheel"),
    ):
        item = making.item(kind, name, content, stand_in=kind == "node-image")  # type: ignore[arg-type]
        contents.append((item, making.file(content)))
    target = tmp_path / "room.bundle"
    return target, bundle.create(target, contents)[1]


def test_a_bundle_says_what_is_in_it(made: tuple[Path, str]) -> None:
    manifest = bundle.verify(made[0])
    assert [item.names[0] for item in manifest.items][:2] == [
        "localhost/node:v1",
        "example.com/server:v1",
    ]
    assert [item.stand_in for item in manifest.items] == [True, False, False, False, False]
    assert all(item.origin == "a test" for item in manifest.items)


def test_loading_puts_everything_in_its_place_and_can_be_repeated(
    made: tuple[Path, str], cache: Path
) -> None:
    for _ in range(2):
        bundle.load(made[0])
        store = Store()
        item = store.find("node-image")
        assert item is not None
        assert store.path(item).read_bytes() == NODE
        program = cached_path(KNOWN["kind"])
        assert program.read_bytes() == b"#!/bin/sh\n"
        assert program.stat().st_mode & 0o111
        definition = place_of("vpa-v1-crd-gen.yaml")
        assert definition is not None
        assert definition.read_bytes() == b"kind: CustomResourceDefinition\n"
        assert (cache / "wheels" / "thing-1.0-py3-none-any.whl").read_bytes() == b"wheel"
        assert not list(store.root.glob(".load.*"))


def test_an_altered_byte_is_found(made: tuple[Path, str]) -> None:
    raw = bytearray(made[0].read_bytes())
    raw[raw.index(b"the node image") + 4000] ^= 1
    made[0].write_bytes(raw)
    for read in (bundle.verify, bundle.load):
        with pytest.raises(ClusterError, match="damaged"):
            read(made[0])
    assert Store().find("node-image") is None


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_bundle_that_is_cut_off_is_refused(made: tuple[Path, str], share: float) -> None:
    raw = made[0].read_bytes()
    end = raw.rindex(b"wheel") + 5  # what follows is padding
    made[0].write_bytes(raw[: int(end * share)])
    with pytest.raises(ClusterError, match=r"cut off|damaged"):
        bundle.load(made[0])


def test_a_content_that_is_missing_is_noticed(made: tuple[Path, str], tmp_path: Path) -> None:
    shorter = tmp_path / "shorter.bundle"
    with tarfile.open(made[0]) as old, tarfile.open(shorter, "w") as new:
        for member in old.getmembers()[:-1]:
            new.addfile(member, old.extractfile(member))
    with pytest.raises(ClusterError, match="1 of its contents are missing"):
        bundle.verify(shorter)


def test_a_content_that_is_not_named_is_refused(made: tuple[Path, str], making: Making) -> None:
    with tarfile.open(made[0], "a") as tar:
        tar.add(making.file(b"smuggled"), arcname="../../etc/passwd")
    with pytest.raises(ClusterError, match="not in its manifest"):
        bundle.load(made[0])


def test_an_altered_manifest_is_found_by_the_bundles_digest(made: tuple[Path, str]) -> None:
    path, digest = made
    bundle.verify(path, expect=digest)
    bundle.verify(path, expect=f"sha256:{digest}")
    raw = path.read_bytes().replace(b"a test", b"a tost", 1)
    path.write_bytes(raw)
    with pytest.raises(ClusterError, match="not the bundle you expect"):
        bundle.load(path, expect=digest)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 10240])
def test_other_files_are_no_bundles(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ClusterError, match="not a bundle"):
        bundle.verify(path)
    with pytest.raises(ClusterError, match="Cannot read"):
        bundle.verify(tmp_path / "none")


def test_a_bundle_for_another_machine_is_refused(made: tuple[Path, str], tmp_path: Path) -> None:
    other = tmp_path / "other.bundle"
    with tarfile.open(made[0]) as old, tarfile.open(other, "w") as new:
        first = old.getmembers()[0]
        stream = old.extractfile(first)
        assert stream is not None
        manifest = json.load(stream)
        manifest["platform"] = "linux/riscv64"
        document = json.dumps(manifest).encode()
        first.size = len(document)
        import io

        new.addfile(first, io.BytesIO(document))
    with pytest.raises(ClusterError, match="is for linux/riscv64"):
        bundle.load(other)


def test_a_program_that_is_not_ours_is_refused(making: Making, tmp_path: Path) -> None:
    target = tmp_path / "evil.bundle"
    item = making.item("binary", "../../bin/sh", b"evil")
    bundle.create(target, [(item, making.file(b"evil"))])
    with pytest.raises(ClusterError, match="not known here"):
        bundle.load(target)


def test_a_full_disk_leaves_no_half_bundle(making: Making, tmp_path: Path) -> None:
    item = making.item("image", "a:v1", b"content")
    with pytest.raises(ClusterError, match="Cannot write"):
        bundle.create(Path("/proc/room.bundle"), [(item, making.file(b"content"))])


def test_progress_is_reported(made: tuple[Path, str]) -> None:
    seen: list[ProgressEvent] = []
    bundle.verify(made[0], progress=seen.append)
    assert seen[0].state == "started"
    assert seen[-1].state == "done"


def test_the_newest_item_of_a_name_wins_and_the_old_content_goes(making: Making) -> None:
    store = Store()
    old = making.store(store, "image", "a:v1", b"old", key="1")
    new = making.store(store, "image", "a:v1", b"new", key="2")
    assert store.items() == [new]
    assert not store.path(old).exists()
    assert store.find("image", "a:v1", "1") is None
    assert store.find("image", "a:v1", "2") == new


def test_a_content_that_shrank_is_not_at_hand_and_one_that_rotted_is_found(making: Making) -> None:
    store = Store()
    item = making.store(store, "image", "a:v1", b"content")
    store.path(item).write_bytes(b"CONTENT")
    assert store.damaged() == [item]
    store.path(item).write_bytes(b"cont")
    assert store.items() == []
