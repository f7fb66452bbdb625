"""Playing and judging a class, so that an interruption costs nothing that was done."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from cluster.model import Progress, ProgressEvent, silent
from grader.classroom.desk import Desk
from grader.classroom.handed_in import HandedIn, case_of_handed_in
from grader.errors import MachineError
from grader.grading.grade import judge_cases
from grader.grading.sessions import Player
from grader.grading.where import suited
from grader.judge.case import Case
from grader.model.lab import Lab
from grader.model.result import Result


@dataclass(frozen=True)
class ClassOptions:
    """How to grade a class: `where` as on the command line (`none`: files only), `jobs`
    submissions at once, `again` plays anew what has a recording already."""

    where: str = "auto"
    jobs: int = 8
    again: bool = False


@dataclass
class ClassReport:
    """What came of it. `earlier` recordings were made with another version of the lab."""

    results: list[Result] = field(default_factory=list)
    played: int = 0
    reused: int = 0
    earlier: int = 0
    seconds: float = 0.0

    @property
    def incomplete(self) -> list[Result]:
        """Those without a verdict, because the machine or the cluster failed."""
        return [result for result in self.results if not result.complete]


def grade_class(
    lab: Lab,
    handed_in: list[HandedIn],
    desk: Desk,
    options: ClassOptions,
    progress: Progress = silent,
) -> ClassReport:
    """Play what has no recording yet, judge all from their recordings, write the desk.

    A fault of the machine is tried once more on a mended cluster, and then told as a run without
    a verdict. Raises KeyboardInterrupt; what was played until then is kept.
    """
    began = time.monotonic()
    report = ClassReport()
    desk.prepare(lab)
    with tempfile.TemporaryDirectory(prefix="mlk8s-class-") as scratch:
        cases = [case_of_handed_in(lab, entry, Path(scratch)) for entry in handed_in]
        if options.where != "none":
            to_play = _to_play(lab, cases, desk, options, report)
            _play_all(lab, to_play, desk, options, progress)
            report.played = sum(case.path is not None for case in to_play)
        progress(ProgressEvent("Judging", "started"))
        report.results = judge_cases(lab, cases)
        progress(ProgressEvent("Judging", "done", f"{len(cases)} submissions"))
    desk.keep_results(lab, report.results)
    report.seconds = time.monotonic() - began
    return report


def _to_play(
    lab: Lab, cases: list[Case], desk: Desk, options: ClassOptions, report: ClassReport
) -> list[Case]:
    """Cases without a recording of exactly these files; the others are pointed to theirs."""
    missing = []
    for case in cases:
        if case.unreadable or case.fault:
            continue
        found = None
        if not options.again:
            found = desk.recorded(case.id, case.submission.digest, lab.id, options.where)
        if found is None:
            missing.append(case)
            continue
        case.path = desk.recording_path(case.id)
        report.reused += 1
        report.earlier += found.lab_digest != lab.digest
    return missing


def _play_all(
    lab: Lab, cases: list[Case], desk: Desk, options: ClassOptions, progress: Progress
) -> None:
    left = cases
    for _attempt in range(2):
        if not left:
            return
        # Simulated containers are many times faster, and a machine has room for a whole class.
        where = "embedded" if options.where == "auto" else suited(lab, options.where)
        with Player(where, size=1, progress=progress, at_once=options.jobs) as player:
            play = _Playing(lab, player, desk, progress, len(left))
            play.each(left, options.jobs)
        left = [case for case in left if case.fault]


class _Playing:
    """Plays cases side by side and tells how far it is."""

    def __init__(
        self, lab: Lab, player: Player, desk: Desk, progress: Progress, count: int
    ) -> None:
        self._lab = lab
        self._player = player
        self._desk = desk
        self._progress = progress
        self._count = count
        self._done = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def each(self, cases: Iterable[Case], jobs: int) -> None:
        """Play them all; an interruption waits for those under way, and keeps them."""
        self._tell("started", "")
        with ThreadPoolExecutor(jobs) as workers:
            pending: set[Future[None]] = {workers.submit(self._one, case) for case in cases}
            try:
                while pending:
                    done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                raise
        self._tell("done", f"{self._done} of {self._count}")

    def _one(self, case: Case) -> None:
        case.fault = ""
        try:
            recording = self._player.play(self._lab, case.submission)
            case.path = self._desk.keep_recording(recording, case.id)
            case.fault = recording.fault
        except MachineError as error:
            case.fault = error.message
        with self._lock:
            self._done += 1
            self._tell("running", f"{self._done} of {self._count}, {case.id}")

    def _tell(self, state: str, detail: str) -> None:
        spent = time.monotonic() - self._began
        left = spent / self._done * (self._count - self._done) if self._done else None
        event = ProgressEvent(f"Playing lab {self._lab.number}", "running", detail)
        fraction = self._done / self._count
        if state != "running":
            event = replace(event, state="started" if state == "started" else "done")
        self._progress(replace(event, fraction=fraction, remaining=left))
