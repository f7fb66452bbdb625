"""Throw-away clusters for labs that need one each, and a pool that has the next one ready."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from cluster.embedded import inventory
from cluster.embedded.provider import EmbeddedProvider
from cluster.embedded.state import THROW_AWAY, Owner
from cluster.errors import ClusterError
from cluster.model import ClusterSpec, ClusterStatus, Progress, silent
from cluster.processes import myself


def _owner() -> Owner:
    process = myself()
    return Owner(pid=process.pid, started=process.started)


def _named(spec: ClusterSpec) -> ClusterSpec:
    return spec.model_copy(update={"name": f"{THROW_AWAY}{secrets.token_hex(4)}"})


@dataclass(frozen=True)
class _Made:
    """A cluster of the pool, and what was in it when it was fresh."""

    name: str
    fresh: inventory.Inventory


@contextlib.contextmanager
def fresh(
    spec: ClusterSpec | None = None,
    provider: EmbeddedProvider | None = None,
    progress: Progress = silent,
) -> Iterator[ClusterStatus]:
    """A new cluster with a generated name, removed afterwards; `spec.name` is not used.

    Should this process be killed, the next creation of any cluster removes it. Raises ClusterError.
    """
    provider = provider or EmbeddedProvider()
    wanted = _named(spec or ClusterSpec())
    try:
        yield provider.create_owned(wanted, _owner(), progress)
    finally:
        provider.delete(wanted.name)


class ClusterPool:
    """Fresh clusters without the wait: `size` of them are made ahead in the background; 0 makes
    each when it is asked for. Safe for threads.

        with ClusterPool(size=1) as pool:
            with pool.take(spec) as status:
                ...

    A cluster that was used is emptied and given out again, but only if it can be proven to be as it
    was (`inventory`); otherwise it is removed. A cluster has the nodes of `spec`; where `take` asks
    for others, or for servers, it is brought in line, which takes milliseconds.
    """

    def __init__(
        self,
        size: int = 1,
        spec: ClusterSpec | None = None,
        provider: EmbeddedProvider | None = None,
    ) -> None:
        self._provider = provider or EmbeddedProvider()
        self._spec = spec or ClusterSpec()
        self._owner = _owner()
        self._workers = ThreadPoolExecutor(max(1, size), thread_name_prefix="cluster-pool")
        self._ahead: deque[Future[_Made]] = deque()
        self._as_new: deque[_Made] = deque()
        self._names: set[str] = set()
        self._closed = False
        self._size = size
        self._lock = threading.Lock()
        for _ in range(size):
            self._prepare()

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        spec = _named(self._spec)
        self._names.add(spec.name)
        self._ahead.append(self._workers.submit(self._make, spec))

    def _make(self, spec: ClusterSpec) -> _Made:
        status = self._provider.create_owned(spec, self._owner)
        with self._provider.api(status.name) as api:
            return _Made(status.name, inventory.take(api))

    @contextlib.contextmanager
    def take(
        self, spec: ClusterSpec | None = None, progress: Progress = silent
    ) -> Iterator[ClusterStatus]:
        """A cluster like `spec` (its name is not used) that holds nothing of an earlier use.

        Raises ClusterError, also for what went wrong while it was made ahead.
        """
        if self._closed:
            raise ClusterError("The pool of clusters is closed.")
        made = self._next()
        wanted = (spec or self._spec).model_copy(update={"name": made.name})
        try:
            yield self._provider.create_owned(wanted, self._owner, progress)
        except BaseException:
            self._remove(made.name)
            raise
        if self._is_as_new(made):
            self._as_new.append(made)
        else:
            self._remove(made.name)

    def _next(self) -> _Made:
        with self._lock:
            if self._as_new:
                return self._as_new.popleft()
            if not self._ahead:
                self._prepare()
            future = self._ahead.popleft()
            while len(self._ahead) < self._size:
                self._prepare()
        return future.result()

    def _is_as_new(self, made: _Made) -> bool:
        """Empty the cluster; whether the proof succeeded. What fails here costs only time."""
        if self._closed:
            return False
        try:
            with self._provider.api(made.name) as api:
                return inventory.restore(api, made.fresh)
        except ClusterError:
            return False

    def _remove(self, name: str) -> None:
        self._provider.delete(name)
        self._names.discard(name)

    def close(self) -> None:
        """Remove every cluster of the pool."""
        self._closed = True
        for future in self._ahead:
            future.cancel()
        self._workers.shutdown(wait=True, cancel_futures=True)
        for name in sorted(self._names):
            self._provider.delete(name)
        self._names.clear()
