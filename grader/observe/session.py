"""A connection to one cluster that many runs may share, at the same time if they like."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from types import TracebackType

from cluster.crds.catalog import CrdSetName
from cluster.model import ClusterStatus
from grader.errors import MachineError
from grader.observe.access import read_access
from grader.observe.client import Api
from grader.observe.definitions import define
from grader.observe.hub import WatchHub
from grader.observe.isolation import reap
from grader.observe.kinds import KNOWN, Kinds


class Session:
    """One cluster's API client and, if shared, one set of watches that serves every run.

    Safe for threads. Without `shared`, each run watches its own namespaces only. `at_once` is how
    many runs there may be at a time: real nodes must have room for all of them.
    """

    def __init__(self, cluster: ClusterStatus, *, shared: bool = True, at_once: int = 1) -> None:
        if not cluster.running or cluster.kubeconfig is None:
            raise MachineError(f"The cluster {cluster.name} is not running.", "mlk8s up")
        self.cluster = cluster
        self.at_once = at_once
        self.api = Api(read_access(cluster.kubeconfig))
        self.kinds = Kinds(self.api)
        self.hub = WatchHub(self.api) if shared else None
        self._lock = threading.Lock()
        self._reaped = False
        self._defined: set[CrdSetName] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def reap_once(self) -> None:
        """Remove leftovers of killed runs, the first time that it is called."""
        with self._lock:
            if not self._reaped:
                reap(self.api)
                self._reaped = True

    def define(self, names: Iterable[CrdSetName]) -> None:
        """Let the cluster serve these custom resources; does nothing where it does already.

        Raises MachineError where they cannot be had.
        """
        with self._lock:
            new = [name for name in names if name not in self._defined]
            if new:
                define(self.api, self.kinds, self.cluster, new)
                self._defined.update(new)

    def wait_for_ends(self, seconds: float = 40.0) -> None:
        """Wait until namespaces on their way out are gone, and the room of their Pods is free."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            said = self.api.call("GET", KNOWN["Namespace"].path())
            if not any(n["metadata"].get("deletionTimestamp") for n in said.body.get("items", ())):
                return
            time.sleep(0.2)

    def close(self) -> None:
        """End the watches and close connections."""
        if self.hub is not None:
            self.hub.close()
        self.api.close()
