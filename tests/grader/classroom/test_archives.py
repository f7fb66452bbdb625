"""Archives from learners: what is taken out, and what is refused before it can do harm."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.classroom.archives import unpack
from grader.errors import SubmissionError

Files = dict[str, bytes]
POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: Files, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.zip", zipped),
        ("a.tar", lambda path, files: tarred(path, files, "w")),
        ("a.tar.gz", tarred),
        ("a.tgz", lambda path, files: tarred(path, files, "w:xz")),
        ("a.tar.bz2", lambda path, files: tarred(path, files, "w:bz2")),
    ],
)
def test_manifests_are_taken_out_and_nothing_else(
    tmp_path: Path, name: str, make: Callable[[Path, Files], Path]
) -> None:
    files = {
        "ada/pod.yaml": POD,
        "ada/more/x.json": b"{}",
        "ada/notes.txt": b"x",
        "ada/run.py": b"import os",
        "__MACOSX/ada/._pod.yaml": b"\0",
        "ada/.git/config.yaml": b"x",
    }
    folder = unpack(make(tmp_path / name, files), tmp_path / "out")
    assert names(folder) == ["more/x.json", "pod.yaml"]
    assert names(tmp_path / "out") == ["ada/more/x.json", "ada/pod.yaml"]


@pytest.mark.parametrize("name", ["../x.yaml", "/etc/x.yaml", "a/../../x.yaml", "a\\..\\x.yaml"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_paths_that_lead_outside_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path, Files], Path]
) -> None:
    archive = make(tmp_path / ("a.zip" if make is zipped else "a.tar.gz"), {name: POD})
    with pytest.raises(SubmissionError, match="leads out"):
        unpack(archive, tmp_path / "deep" / "out")
    assert names(tmp_path) == [archive.name]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_what_an_archive_is_its_first_bytes_say(
    tmp_path: Path, name: str, make: Callable[[Path, Files], Path]
) -> None:
    folder = unpack(make(tmp_path / name, {"ada/pod.yaml": POD}), tmp_path / "out")
    assert names(folder) == ["pod.yaml"]


def test_folders_divided_as_on_windows(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"ada\\k8s\\pod.yaml": POD, "ada\\.git\\x.yaml": b""})
    unpack(archive, tmp_path / "out")
    assert names(tmp_path / "out") == ["ada/k8s/pod.yaml"]


@pytest.mark.parametrize("name", ["m" * 300 + ".yaml", "/".join(["m" * 200] * 30) + "/x.yaml"])
def test_a_name_too_long_for_this_machine_is_the_learners(tmp_path: Path, name: str) -> None:
    with pytest.raises(SubmissionError, match="too long"):
        unpack(zipped(tmp_path / "a.zip", {name: POD}), tmp_path / "out")


@pytest.mark.parametrize(("head", "kind"), [(b"Rar!\x1a\x07", "RAR"), (b"7z\xbc\xaf\x27", "7z")])
def test_other_kinds_are_called_by_their_name(tmp_path: Path, head: bytes, kind: str) -> None:
    path = tmp_path / "a.rar"
    path.write_bytes(head + b"x" * 40)
    with pytest.raises(SubmissionError, match=f"{kind} archive, where .zip and .tar.gz are read"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("pod.yaml")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(SubmissionError, match="link or a device"):
        unpack(path, tmp_path / "out")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    member = zipfile.ZipInfo("pod.yaml")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(SubmissionError, match="is a link"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, make: Callable[[Path, Files], Path]
) -> None:
    archive = make(
        tmp_path / ("a.zip" if make is zipped else "a.tar.gz"), {"big.yaml": b"a" * (3 << 20)}
    )
    with pytest.raises(SubmissionError, match="larger than"):
        unpack(archive, tmp_path / "out")


def test_a_bomb_beside_the_manifests_is_refused(tmp_path: Path) -> None:
    tar = tarred(tmp_path / "inner.tar", {"data.bin": b"\0" * (70 << 20), "pod.yaml": POD}, "w")
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar.read_bytes()))
    with pytest.raises(SubmissionError, match="unpacks to more than"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.bz2", "a.tar"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.floats(0, 1), flip=st.integers(0, 10_000), noise=st.binary(max_size=40))
def test_a_damaged_archive_is_the_learners_and_never_a_crash(
    tmp_path: Path, name: str, cut: float, flip: int, noise: bytes
) -> None:
    files = {"pod.yaml": POD * 20, "b/x.json": b"{}"}
    whole = tmp_path / name
    if name == "a.zip":
        zipped(whole, files)
    else:
        tarred(whole, files, {"a.tar.gz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar": "w"}[name])
    data = bytearray(whole.read_bytes()[: int(cut * 2000)] + noise)
    if data:
        data[flip % len(data)] ^= 0xFF
    whole.write_bytes(bytes(data))
    with contextlib.suppress(SubmissionError):
        unpack(whole, tmp_path / "out")
