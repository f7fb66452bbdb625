"""Kind clusters for labs that need nodes of their own: one run at a time on each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from queue import LifoQueue
from types import TracebackType

from cluster.kind.provider import LABS, KindProvider
from cluster.kind.state import clusters_dir
from cluster.locks import holding
from cluster.model import ClusterSpec, ClusterStatus, Progress, silent

_PATIENCE = 900.0


def name_of(number: int = 1) -> str:
    """The name of the first, second, ... of these clusters."""
    return LABS if number == 1 else f"{LABS}-{number}"


class LabClusters:
    """Some of them, for many runs at a time; those that were not there before are removed at the
    end. The first to be asked for is made first: a second one may never be needed."""

    def __init__(self, size: int = 1, progress: Progress = silent) -> None:
        self._free: LifoQueue[int] = LifoQueue()
        for number in range(size, 0, -1):
            self._free.put(number)
        self._numbers = range(1, size + 1)
        self._progress = progress
        self._before = frozenset(KindProvider().lab_clusters())
        self._ready: dict[int, ClusterSpec] = {}

    def __enter__(self) -> LabClusters:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        provider = KindProvider()
        for name in map(name_of, self._numbers):
            if name not in self._before:
                provider.delete(name, self._progress)

    @contextlib.contextmanager
    def take(self, spec: ClusterSpec, progress: Progress = silent) -> Iterator[ClusterStatus]:
        """One that nobody else uses, in the shape of `spec`; waits until there is one."""
        number = self._free.get()
        try:
            with lab_cluster(spec, progress, number, self._ready.get(number)) as status:
                self._ready[number] = spec
                yield status
        except BaseException:
            self._ready.pop(number, None)  # whatever went wrong, look at all of it next time
            raise
        finally:
            self._free.put(number)


@contextlib.contextmanager
def lab_cluster(
    spec: ClusterSpec,
    progress: Progress = silent,
    number: int = 1,
    ready: ClusterSpec | None = None,
) -> Iterator[ClusterStatus]:
    """A cluster with exactly these nodes, for nobody else while it is in use; `spec.name` is not
    used. It stays for the next run, which saves a minute; its nodes are put right each time.

    `ready` is the spec with which this process has had it before: then nodes are all that is
    looked at. Raises ClusterBusy when another run has not ended within a quarter of an hour, or
    another ClusterError.
    """
    name = name_of(number)
    with holding(clusters_dir() / f"{name}.use", name, _PATIENCE):
        wanted = spec.model_copy(update={"name": name, "sized": True})
        provider = KindProvider()
        if ready == spec:
            yield provider.put_right(wanted)
        else:
            yield provider.create(wanted, progress)
