"""Playing many submissions: the shared cluster for most labs, a pool of fresh ones for the rest."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from typing import Any

from cluster.model import ClusterSpec, Progress, silent
from grader.errors import MachineError
from grader.grading.rooms import Room, is_crowded
from grader.grading.tools import prepare_tools
from grader.grading.where import shared_cluster
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording


class Player:
    """Plays submissions from several threads; a context manager that removes what it made.

    Labs with `isolation: namespace` share one cluster and one set of watches. Those with
    `isolation: cluster` take fresh clusters of a pool, `size` of which are made ahead. `at_once` is
    the number of threads that play on the shared cluster.
    """

    def __init__(
        self,
        where: str = "embedded",
        size: int = 1,
        progress: Progress = silent,
        at_once: int = 4,
    ) -> None:
        self._where = where
        self._size = size
        self._at_once = at_once
        self._progress = progress
        self._stack = ExitStack()
        self._lock = Lock()
        self._pools: dict[str, Any] = {}
        self._rooms: dict[str, Room] = {}
        self._shared: Any = None
        self._hopeful = True

    def __enter__(self) -> Player:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        with self._stack:
            for pool in self._pools.values():
                self._stack.push(pool)

    def play(self, lab: Lab, submission: Submission) -> Recording:
        """Play one submission; MachineError when no cluster can be had.

        A run that was given up is played once more, on the shared cluster without neighbours.
        """
        from cluster.errors import ClusterError

        try:
            prepare_tools(lab, self._progress)
            if lab.file.isolation == "cluster":
                recording = self._play_on_its_own(lab, submission)
                if self._is_worth_another(recording):
                    recording = self._play_on_its_own(lab, submission)
            else:
                recording = self._play_beside_others(lab, submission)
        except ClusterError as error:
            raise MachineError(str(error), error.hint) from error
        # Where even a second play is given up, the fault lasts: others are not played twice.
        self._hopeful = not recording.fault
        return recording

    def _is_worth_another(self, recording: Recording) -> bool:
        """Whether a play was given up, as on a machine that was very busy for a moment."""
        return bool(recording.fault) and self._hopeful

    def _play_on_its_own(self, lab: Lab, submission: Submission) -> Recording:
        from grader.observe import observe

        spec = ClusterSpec(nodes=lab.file.nodes, servers=lab.file.servers)
        with self._clusters(lab, spec).take(spec) as status:
            return observe(lab, submission, status)

    def _play_beside_others(self, lab: Lab, submission: Submission) -> Recording:
        from grader.observe import observe

        status, session = self._shared_session()
        room = self._room_for(lab)
        with room.beside_others():
            recording = observe(lab, submission, status, session=session)
        if is_crowded(recording) or self._is_worth_another(recording):
            with room.alone():
                session.wait_for_ends()
                recording = observe(lab, submission, status, session=session)
        return recording

    def _room_for(self, lab: Lab) -> Room:
        """Lets no more plays of a lab begin than its nodes have room for."""
        with self._lock:
            return self._rooms.setdefault(lab.id, Room(lab.file.at_once))

    def release(self, lab: Lab) -> None:
        """Remove the clusters that were kept for this lab, none of which may be in use: an idle
        control plane still takes part of a core. The next play of it makes new ones."""
        with self._lock:
            pool = self._pools.pop(lab.id, None)
        if pool is not None:
            pool.__exit__(None, None, None)

    def _clusters(self, lab: Lab, spec: ClusterSpec) -> Any:
        """The pool of a lab: a cluster that has served another one knows its images, too."""
        with self._lock:
            if lab.id not in self._pools:
                self._pools[lab.id] = self._new_pool(spec).__enter__()
            return self._pools[lab.id]

    def _new_pool(self, spec: ClusterSpec) -> Any:
        if self._where == "kind":
            from cluster.kind.labs import LabClusters

            return LabClusters(self._size, self._progress)
        from cluster.embedded import ClusterPool

        return ClusterPool(size=self._size, spec=spec)

    def _shared_session(self) -> Any:
        from grader.observe import Session

        with self._lock:
            if self._shared is None:
                status = shared_cluster(self._where, (), self._progress)
                session = self._stack.enter_context(Session(status, at_once=self._at_once))
                self._shared = (status, session)
            return self._shared
