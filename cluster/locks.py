"""What every provider does around its folders: one process at a time, and errors in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from cluster.errors import ClusterBusy, ClusterError
from cluster.paths import make_dir


@contextlib.contextmanager
def holding(path: Path, name: str, seconds: float) -> Iterator[None]:
    """Hold the cluster `name` by a lock file; raises ClusterBusy after so many seconds."""
    make_dir(path.parent, 0o700)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise ClusterBusy(f"Another process is creating or deleting the cluster {name}.") from error
    except OSError as error:
        raise ClusterError(f"Cannot lock {lock.lock_file}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def as_cluster_error() -> Iterator[None]:
    """Turn what the operating system refuses (disk full, no permission) into one sentence."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ClusterError(f"{error.strerror or error}{where}.") from error
