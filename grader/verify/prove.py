"""Proving labs: play everything in their corpora, judge it all, compare with what must be."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from grader.grading.grade import load, save_recording
from grader.grading.sessions import Player
from grader.judge.case import Case
from grader.judge.plugin import CaseRef
from grader.judge.run import result_of, run_checks
from grader.model.lab import Lab
from grader.model.recording import Recording
from grader.verify.compare import Proof, compare
from grader.verify.entries import SEEDS, Entry, make_entries

OnCase = Callable[[str, str], None]
"""Called with a lab's id and the name of what was played of it; from any thread."""

ROUNDS_AHEAD = 2
"""Rounds under way at a time: while the longest plays of one end, the next fills the machine."""


@dataclass(frozen=True)
class Asked:
    """One proof that is wanted: of this lab, in this round."""

    lab: Lab
    round: int = 1


class Lanes:
    """Threads that play: some on the cluster that labs share, some for labs with their own.

    A context manager. Leaving it waits for what is being played; nothing that waits begins.
    """

    def __init__(self, shared: int, own: int) -> None:
        self._shared = ThreadPoolExecutor(shared, thread_name_prefix="verify-shared")
        self._own = ThreadPoolExecutor(own, thread_name_prefix="verify-own")

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for lane in (self._shared, self._own):
            lane.shutdown(wait=False, cancel_futures=True)
        for lane in (self._shared, self._own):
            lane.shutdown(wait=True)

    def submit(self, lab: Lab, play: Callable[[Entry], Case], entry: Entry) -> Future[Case]:
        """Let it be played as soon as it is its turn."""
        lane = self._own if lab.file.isolation == "cluster" else self._shared
        return lane.submit(play, entry)


def prove(
    lab: Lab,
    player: Player | None,
    jobs: int,
    on_case: OnCase | None = None,
    seeds: Sequence[str] = SEEDS,
) -> Proof:
    """Prove one lab, `jobs` plays at a time; `player` None proves what files alone can show.

    A seeded lab is proven under these seeds: its solution under each, its corpus in turn.
    Raises CourseError for a corpus that is not well formed, MachineError when the cluster fails.
    """
    with Lanes(jobs, jobs) as lanes:
        return next(proof for _, proof in prove_all([Asked(lab)], player, lanes, on_case, seeds))


def prove_all(
    asked: Iterable[Asked],
    player: Player | None,
    lanes: Lanes,
    on_case: OnCase | None = None,
    seeds: Sequence[str] = SEEDS,
) -> Iterator[tuple[Asked, Proof]]:
    """Prove labs side by side, each as `prove` does; yields each proof as soon as it is made.

    Plays wait for a timer or a rollout most of their time, so those of the next lab, and of the
    next round, begin while the last ones of this are under way.
    """
    rounds = [list(of_one) for _, of_one in itertools.groupby(asked, lambda one: one.round)]
    left: Counter[int] = Counter()
    with closing(_UnderWay(player, lanes, on_case, seeds)) as under_way:
        while rounds or left.total():
            while rounds and sum(count > 0 for count in left.values()) < ROUNDS_AHEAD:
                for one in rounds.pop(0):
                    left[one.round] += 1
                    under_way.begin(one)
            one, proof = under_way.next_proof()
            left[one.round] -= 1
            yield one, proof


class _UnderWay:
    """The proofs that are being played."""

    def __init__(
        self, player: Player | None, lanes: Lanes, on_case: OnCase | None, seeds: Sequence[str]
    ) -> None:
        self._player = player
        self._lanes = lanes
        self._on_case = on_case
        self._seeds = seeds
        self._done: SimpleQueue[_Plays] = SimpleQueue()
        self.labs: list[_Plays] = []

    def begin(self, asked: Asked) -> None:
        plays = _Plays(asked, self._player, self._on_case, self._done.put)
        self.labs.append(plays)
        plays.begin(self._lanes, self._seeds)

    def next_proof(self) -> tuple[Asked, Proof]:
        """Wait for the next lab of which everything was played, and judge it."""
        plays = self._done.get()
        self.labs.remove(plays)
        lab = plays.asked.lab
        if self._player is not None and all(other.asked.lab.id != lab.id for other in self.labs):
            self._player.release(lab)
        try:
            return plays.asked, plays.proof()
        finally:
            plays.close()

    def close(self) -> None:
        for plays in self.labs:
            plays.close()


class _Plays:
    """Everything that is played of one lab in one round."""

    def __init__(
        self,
        asked: Asked,
        player: Player | None,
        on_case: OnCase | None,
        on_end: Callable[[_Plays], None],
    ) -> None:
        self.asked = asked
        self._player = player
        self._on_case = on_case
        self._on_end = on_end
        self._scratch = tempfile.TemporaryDirectory(prefix="mlk8s-verify-")
        self._entries: list[Entry] = []
        self._futures: list[Future[Case]] = []
        self._left = 0
        self._lock = threading.Lock()
        self._began: float | None = None

    def begin(self, lanes: Lanes, seeds: Sequence[str]) -> None:
        """Let all of it wait for its turn."""
        lab = self.asked.lab
        self._entries = make_entries(lab, Path(self._scratch.name), seeds)
        self._left = len(self._entries)
        self._futures = [lanes.submit(lab, self._play, entry) for entry in self._entries]
        for future in self._futures:
            future.add_done_callback(self._ended)

    def _play(self, entry: Entry) -> Case:
        if self._began is None:
            self._began = time.monotonic()
        submission = load(self.asked.lab, entry.path, name=entry.name)
        case = Case(entry.name, submission)
        if self._player is not None:
            case.recording = self._player.play(self.asked.lab, submission)
        if self._on_case:
            self._on_case(self.asked.lab.id, entry.name)
        return case

    def _ended(self, future: Future[Case]) -> None:
        """Tell it once: when all are done, or as soon as one could not be played."""
        with self._lock:
            failed = not future.cancelled() and future.exception() is not None
            before, self._left = self._left, 0 if failed else max(0, self._left - 1)
        if before and not self._left:
            self._on_end(self)

    def proof(self) -> Proof:
        """Judge what was played. Raises what a play has raised."""
        lab = self.asked.lab
        for future in self._futures:
            if future.done() and (error := future.exception()):
                raise error
        cases = [future.result() for future in self._futures]
        references = [CaseRef(case.id, lambda case=case: case) for case in cases]  # type: ignore[misc]
        session = run_checks(lab, references)
        results = {case.id: result_of(lab, case, session) for case in cases}
        proof = compare(lab, self._entries, results, session.checks)
        proof.kept = _keep({case.id: case.recording for case in cases}, proof.faults)
        proof.seconds = time.monotonic() - (self._began or time.monotonic())
        return proof

    def close(self) -> None:
        """Forget what waits and remove the files."""
        for future in self._futures:
            future.cancel()
        self._futures.clear()
        self._scratch.cleanup()


def _keep(recordings: Mapping[str, Recording | None], faults: list[str]) -> list[str]:
    """Keep what was seen of each entry with a fault: it may not come again. Returns the paths."""
    wrong = {name for name in recordings if any(fault.startswith(f"{name}: ") for fault in faults)}
    found = (recordings[name] for name in sorted(wrong))
    return [str(save_recording(recording, None)) for recording in found if recording]
