"""Throw-away clusters for labs that need one each, and a pool that has the next one ready."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

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
    """Fresh clusters without the wait: `size` of them are made ahead in the background.

        with ClusterPool(size=1) as pool:
            with pool.take(spec) as status:
                ...

    Each cluster is used once. A cluster made ahead has the nodes of `spec`; where `take` asks for
    others, or for servers, it is brought in line, which takes milliseconds.
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
        self._ahead: deque[Future[ClusterStatus]] = deque()
        self._names: set[str] = set()
        self._closed = False
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
        self._ahead.append(self._workers.submit(self._provider.create_owned, spec, self._owner))

    @contextlib.contextmanager
    def take(
        self, spec: ClusterSpec | None = None, progress: Progress = silent
    ) -> Iterator[ClusterStatus]:
        """A fresh cluster like `spec` (its name is not used), removed afterwards.

        Raises ClusterError, also for what went wrong while it was made ahead.
        """
        if self._closed:
            raise ClusterError("The pool of clusters is closed.")
        if not self._ahead:
            self._prepare()
        status = self._ahead.popleft().result()
        self._prepare()
        wanted = (spec or self._spec).model_copy(update={"name": status.name})
        try:
            yield self._provider.create_owned(wanted, self._owner, progress)
        finally:
            self._provider.delete(status.name)
            self._names.discard(status.name)

    def close(self) -> None:
        """Remove every cluster of the pool."""
        self._closed = True
        for future in self._ahead:
            future.cancel()
        self._workers.shutdown(wait=True, cancel_futures=True)
        for name in sorted(self._names):
            self._provider.delete(name)
        self._names.clear()
