from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster.binaries.catalog import Source
from cluster.binaries.download import Unreachable, WrongContent, fetch, published_digest
from cluster.errors import ToolUnavailable

from .conftest import Mirror

URL = "https://dl.example/v1/tool"
PATH = "/dl.example/v1/tool"
CONTENT = bytes(range(256)) * 4096
SOURCE = Source(URL, f"{URL}.sha256")


def nothing(done: int, total: int | None) -> None:
    pass


def test_a_good_file_arrives_executable_and_leaves_no_partial(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.publish(PATH, CONTENT)
    target = tmp_path / "tool"
    seen: list[tuple[int, int | None]] = []
    fetch(SOURCE, tmp_path / "d", target, lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o111
    assert not list((tmp_path / "d").iterdir())
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT, digest="0" * 64)
    with pytest.raises(WrongContent, match="does not match its published checksum"):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert not (tmp_path / "tool").exists()
    assert not list((tmp_path / "d").iterdir())
    assert len(mirror.ranges(PATH)) == 1


def test_a_truncated_file_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT[:-1], digest=hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(WrongContent):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert not (tmp_path / "tool").exists()


def test_an_interrupted_transfer_goes_on_where_it_ended(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT)
    mirror.break_after[PATH] = [300_000, 100_000]
    fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert (tmp_path / "tool").read_bytes() == CONTENT
    first, second, third = mirror.ranges(PATH)
    assert (first, second, third) == ("", "bytes=300000-", "bytes=400000-")


def test_a_later_process_goes_on_too(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT)
    mirror.break_after[PATH] = [200_000, 1, 1, 1]
    with pytest.raises(ToolUnavailable, match="broke off 4 times"):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert (tmp_path / "tool").read_bytes() == CONTENT
    assert mirror.ranges(PATH)[-1] == "bytes=200003-"


def test_a_server_without_ranges_sends_it_all_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT)
    mirror.break_after[PATH] = [300_000]
    mirror.no_range = True
    fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert (tmp_path / "tool").read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [b"wrong" * 10, CONTENT + b"too long"])
def test_a_damaged_partial_is_discarded_and_fetched_anew(
    mirror: Mirror, tmp_path: Path, damage: bytes
) -> None:
    mirror.publish(PATH, CONTENT)
    folder = tmp_path / "d"
    folder.mkdir()
    digest = hashlib.sha256(CONTENT).hexdigest()
    (folder / f"tool.{digest[:16]}.partial").write_bytes(damage)
    fetch(SOURCE, folder, tmp_path / "tool", nothing)
    assert (tmp_path / "tool").read_bytes() == CONTENT


def test_a_complete_partial_needs_no_more_bytes(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(PATH, CONTENT)
    folder = tmp_path / "d"
    folder.mkdir()
    digest = hashlib.sha256(CONTENT).hexdigest()
    (folder / f"tool.{digest[:16]}.partial").write_bytes(CONTENT)
    fetch(SOURCE, folder, tmp_path / "tool", nothing)
    assert (tmp_path / "tool").read_bytes() == CONTENT


def test_an_unreachable_host_is_told_from_a_refusal(no_network: None, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)


def test_a_missing_file_is_a_refusal(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ToolUnavailable, match="HTTP 404"):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)


def archive_with(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_only_the_wanted_member_of_an_archive_is_unpacked(mirror: Mirror, tmp_path: Path) -> None:
    packed = archive_with("etcd-v1/etcd", b"program")
    mirror.files["/dl.example/etcd.tar.gz"] = packed
    digest = hashlib.sha256(packed).hexdigest()
    sums = f"{'1' * 64}  other.tar.gz\n{digest}  etcd.tar.gz\n"
    mirror.files["/dl.example/SHA256SUMS"] = sums.encode()
    source = Source(
        "https://dl.example/etcd.tar.gz", "https://dl.example/SHA256SUMS", "etcd-v1/etcd"
    )
    fetch(source, tmp_path / "d", tmp_path / "etcd", nothing)
    assert (tmp_path / "etcd").read_bytes() == b"program"


def test_an_archive_without_the_member_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    packed = archive_with("etcd-v1/README", b"text")
    mirror.publish("/dl.example/etcd.tar.gz", packed)
    url = "https://dl.example/etcd.tar.gz"
    with pytest.raises(WrongContent, match="does not hold"):
        fetch(Source(url, f"{url}.sha256", "etcd-v1/etcd"), tmp_path / "d", tmp_path / "e", nothing)
    assert not (tmp_path / "e").exists()


def test_the_digest_of_a_release_asset_is_read_from_its_description(mirror: Mirror) -> None:
    assets = [
        {"name": "other", "digest": "sha256:" + "2" * 64},
        {"name": "kwok-linux-amd64", "digest": "sha256:" + "3" * 64},
    ]
    mirror.files["/api.example/release"] = json.dumps({"assets": assets}).encode()
    source = Source("https://x.example/kwok-linux-amd64", "https://api.example/release")
    assert published_digest(source, "kwok-linux-amd64") == "3" * 64


def test_without_a_published_checksum_nothing_is_downloaded(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files[PATH] = CONTENT
    mirror.files[f"{PATH}.sha256"] = b"<html>not a checksum</html>"
    with pytest.raises(ToolUnavailable, match="No checksum for tool is published"):
        fetch(SOURCE, tmp_path / "d", tmp_path / "tool", nothing)
    assert mirror.ranges(PATH) == []
