"""A bundle's Python packages, taken out by a script that needs Python alone."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cluster.bundle import take_wheels

WHEELS = {"a-1-py3-none-any.whl": b"first", "b-2-py3-none-any.whl": b"second"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_bundle(path: Path, names: dict[str, bytes] = WHEELS, altered: bytes = b"") -> Path:
    """An image and these wheels; the last one's content is another where `altered` says so."""
    items = [{"kind": "image", "names": ["nginx:1"], "sha256": digest(b"image")}]
    items += [{"kind": "wheel", "names": [n], "sha256": digest(d)} for n, d in names.items()]
    members = {"manifest.json": json.dumps({"items": items}).encode(), digest(b"image"): b"image"}
    members |= {digest(data): data for data in names.values()}
    if altered:
        members[digest(list(names.values())[-1])] = altered
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # Isolated: neither this checkout nor anything that is installed can be imported.
    command = [sys.executable, "-I", "-S", str(take_wheels.__file__), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_it_needs_python_alone(tmp_path: Path) -> None:
    done = run(a_bundle(tmp_path / "room.bundle"), tmp_path / "wheels")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 packages are in ")
    assert {p.name: p.read_bytes() for p in (tmp_path / "wheels").iterdir()} == WHEELS


def test_a_name_never_leaves_the_folder(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path / "room.bundle", {"../../evil.whl": b"x"})
    (written,) = take_wheels.take_wheels(bundle, tmp_path / "wheels")
    assert written == tmp_path / "wheels" / "evil.whl"


def test_an_altered_bundle_is_refused(tmp_path: Path) -> None:
    done = run(a_bundle(tmp_path / "room.bundle", altered=b"another"), tmp_path / "wheels")
    assert done.returncode == 3
    assert "b-2-py3-none-any.whl was altered or is cut off" in done.stderr
    assert not (tmp_path / "wheels" / "b-2-py3-none-any.whl").exists()


@pytest.mark.parametrize("kept", [0, 100, 1600, 3700])
def test_a_bundle_that_is_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    bundle = a_bundle(tmp_path / "room.bundle")
    bundle.write_bytes(bundle.read_bytes()[:kept])
    done = run(bundle, tmp_path / "wheels")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w"):
        pass
    for path in (tmp_path / "other.tar", tmp_path / "not-there", tmp_path):
        done = run(path, tmp_path / "wheels")
        assert done.returncode == 3
        assert "Traceback" not in done.stderr


def test_without_wheels_it_says_so(tmp_path: Path) -> None:
    done = run(a_bundle(tmp_path / "room.bundle", {}), tmp_path / "wheels")
    assert done.returncode == 1
    assert "--wheels" in done.stderr
    assert run().returncode == 2
