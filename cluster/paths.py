"""Where mlk8s keeps things on this machine, and files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from cluster.errors import ClusterError

_LONGEST_STEM = 200


def cache_dir() -> Path:
    """Downloads and builds that can be made again. `MLK8S_CACHE` overrides it."""
    chosen = os.environ.get("MLK8S_CACHE")
    path = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mlk8s"))
    return path.expanduser().absolute()


def home_dir() -> Path:
    """State of clusters that must survive until they are deleted. `MLK8S_HOME` overrides it."""
    chosen = os.environ.get("MLK8S_HOME")
    return Path(chosen).expanduser().absolute() if chosen else default_home()


def default_home() -> Path:
    """The home where `MLK8S_HOME` does not name another."""
    return Path(platformdirs.user_state_dir("mlk8s")).expanduser().absolute()


def make_dir(path: Path, mode: int = 0o755) -> Path:
    """Create a folder and its parents; raises ClusterError with one sentence if that fails."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"Cannot create the folder {path}: {error.strerror or error}."
        ) from error
    return path


def file_stem(name: str) -> str:
    """`name`, or a shorter one of its own where it leaves no room for endings (names of files are
    bounded by 255 bytes nearly everywhere)."""
    raw = name.encode()
    if len(raw) <= _LONGEST_STEM:
        return name
    mark = hashlib.sha256(raw).hexdigest()[:16]
    return f"{raw[: _LONGEST_STEM - 17].decode(errors='ignore')}-{mark}"


def write_whole(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Write a file by a temporary neighbour and a rename, so that a reader never sees half of it.

    Raises ClusterError when the disk is full or the folder cannot be written.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            os.fchmod(descriptor, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(raw)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ClusterError(f"Cannot write {path}: {error.strerror or error}.") from error
