"""Proving one lab: play everything in its corpus, judge it all, compare with what must be."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from grader.grading.grade import load
from grader.grading.sessions import Player
from grader.judge.case import Case
from grader.judge.check import CheckInfo
from grader.judge.plugin import CaseRef
from grader.judge.run import result_of, run_checks
from grader.load.seeds import fill_folder
from grader.model.lab import Lab
from grader.model.recording import Recording
from grader.model.result import Result
from grader.verify.cases import CorpusCase, corpus, materialize
from grader.verify.readme import unreadable, unstated_values

OnCase = Callable[[str], None]


@dataclass
class Proof:
    """What was proven of one lab. `faults` are sentences; none means that it stands."""

    lab: str
    checks: int = 0
    mistakes: int = 0
    variants: int = 0
    not_provable: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    plays: int = 0
    """Starter, solutions and the whole corpus."""
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    """Status of each check, by what was played."""
    kept: list[str] = field(default_factory=list)
    """Recordings of what got another verdict than it must."""


@dataclass(frozen=True)
class _Entry:
    """One thing to play: `kind` is starter, solution, mistake or variant."""

    name: str
    kind: str
    path: Path
    case: CorpusCase | None = None


SEEDS = ("verify-0", "verify-1", "verify-2")
"""Seeds under which a seeded lab is proven when nothing else is said."""


def entries_of(lab: Lab, seeds: Sequence[str] = SEEDS) -> int:
    """How many plays the proof of this lab takes."""
    solutions = max(2, len(seeds)) if lab.file.seeded else 2
    return 1 + solutions + len(corpus(lab))


def prove(
    lab: Lab,
    player: Player | None,
    jobs: int,
    on_case: OnCase | None = None,
    seeds: Sequence[str] = SEEDS,
) -> Proof:
    """Prove one lab; `player` None proves what files alone can show.

    A seeded lab is proven under these seeds: its solution under each, its corpus in turn.
    Raises CourseError for a corpus that is not well formed, MachineError when the cluster fails.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlk8s-verify-") as scratch:
        entries = _entries(lab, Path(scratch), seeds)

        def case_of(entry: _Entry) -> Case:
            made = _case(lab, entry, player)
            if on_case:
                on_case(entry.name)
            return made

        with ThreadPoolExecutor(max_workers=jobs) as workers:
            cases = list(workers.map(case_of, entries))
        if player is not None:
            player.release(lab)
    references = [CaseRef(case.id, lambda case=case: case) for case in cases]  # type: ignore[misc]
    session = run_checks(lab, references)
    results = {case.id: result_of(lab, case, session) for case in cases}
    proof = _compare(lab, entries, results, session.checks)
    proof.kept = _keep({case.id: case.recording for case in cases}, proof.faults)
    proof.statuses = {
        name: {check.id: check.status for check in result.checks}
        for name, result in results.items()
    }
    proof.seconds = time.monotonic() - began
    return proof


def _entries(lab: Lab, scratch: Path, seeds: Sequence[str]) -> list[_Entry]:
    if lab.file.seeded:
        return _seeded_entries(lab, scratch, seeds)
    entries = [
        _Entry("starter", "starter", lab.starter),
        _Entry("solution", "solution", lab.solution),
        _Entry("solution, again", "solution", lab.solution),
    ]
    for case in corpus(lab):
        path = materialize(lab, case, scratch / case.name)
        entries.append(_Entry(case.name, case.file.kind, path, case))
    return entries


def _seeded_entries(lab: Lab, scratch: Path, seeds: Sequence[str]) -> list[_Entry]:
    """The solution under each seed, twice where there is but one; the corpus takes them in turn."""

    def filled(name: str, source: Path, seed: str) -> Path:
        target = scratch / name
        if source != target:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.md"))
        fill_folder(lab, target, seed)
        return target

    entries = [_Entry("starter", "starter", filled("starter", lab.starter, seeds[0]))]
    names = ["solution", *(f"solution, seed {seed}" for seed in (*seeds, *seeds)[1:])]
    for name, seed in zip(names, seeds if len(seeds) > 1 else (*seeds, *seeds), strict=False):
        entries.append(_Entry(name, "solution", filled(name, lab.solution, seed)))
    for place, case in enumerate(corpus(lab)):
        made = materialize(lab, case, scratch / case.name)
        path = filled(case.name, made, seeds[place % len(seeds)])
        entries.append(_Entry(case.name, case.file.kind, path, case))
    return entries


def _case(lab: Lab, entry: _Entry, player: Player | None) -> Case:
    submission = load(lab, entry.path, name=entry.name)
    case = Case(entry.name, submission)
    if player is not None:
        case.recording = player.play(lab, submission)
    return case


def _keep(recordings: Mapping[str, Recording | None], faults: list[str]) -> list[str]:
    """Keep what was seen of each entry with a fault: it may not come again. Returns the paths."""
    from grader.grading.grade import save_recording

    wrong = {name for name in recordings if any(fault.startswith(f"{name}: ") for fault in faults)}
    found = (recordings[name] for name in sorted(wrong))
    return [str(save_recording(recording, None)) for recording in found if recording]


def _compare(
    lab: Lab, entries: list[_Entry], results: dict[str, Result], checks: dict[str, CheckInfo]
) -> Proof:
    kinds = [entry.kind for entry in entries]
    proof = Proof(lab.id, len(checks), kinds.count("mistake"), kinds.count("variant"))
    proof.plays = len(entries)
    failed_by_mistake: set[str] = set()
    for entry in entries:
        result = results[entry.name]
        failed = {check.id for check in result.checks if check.status == "failed"}
        if entry.kind == "mistake":
            failed_by_mistake |= failed
        proof.faults += [f"{entry.name}: {fault}" for fault in _faults(entry, result, checks)]
    unproven = {c.id for c in results["solution"].checks if c.status == "not_provable"}
    proof.not_provable = len(unproven)
    vacuous = sorted(set(checks) - failed_by_mistake - unproven)
    proof.faults += [f"{name}: no mistake of the corpus fails this check" for name in vacuous]
    proof.faults += unstated_values(lab) + unreadable(list(checks.values()))
    return proof


def _faults(entry: _Entry, result: Result, checks: dict[str, CheckInfo]) -> list[str]:
    """How the verdict on one entry differs from what it must be."""
    faults = [
        f"{check.id} ended in an error: {check.observed}"
        for check in result.checks
        if check.status == "error"
    ]
    failed = {check.id for check in result.checks if check.status == "failed"}
    blocked = {check.id for check in result.checks if check.status == "blocked"}
    if entry.kind == "starter":
        return faults + _starter_faults(result)
    wanted_failed: frozenset[str] = frozenset()
    wanted_blocked: frozenset[str] = frozenset()
    if entry.case is not None:
        wanted_failed, wanted_blocked = entry.case.file.failed, entry.case.file.blocked
        unknown = sorted((wanted_failed | wanted_blocked) - set(checks))
        faults += [f"names {name}, which is no check of this lab" for name in unknown]
        open_checks = {check.id for check in result.checks if check.status == "not_provable"}
        open_checks |= entry.case.file.real_only if result.cluster.simulated else set()
        wanted_failed, wanted_blocked = wanted_failed - open_checks, wanted_blocked - open_checks
    faults += _difference("fail", wanted_failed, failed, result)
    faults += _difference("be blocked", wanted_blocked, blocked, result)
    return faults


def _starter_faults(result: Result) -> list[str]:
    if result.passed:
        return ["it passes"]
    if result.score > result.max_score / 3:
        return [f"it earns {result.score:g} of {result.max_score:g} points, more than a third"]
    return []


def _difference(verb: str, wanted: frozenset[str], observed: set[str], result: Result) -> list[str]:
    by_id = {check.id: check for check in result.checks}
    faults = []
    for name in sorted(wanted - observed):
        found = by_id.get(name)
        faults.append(f"{name} should {verb}, but it {found.status if found else 'is missing'}")
    for name in sorted(observed - wanted):
        found = by_id[name]
        faults.append(
            f"{name} should not {verb}: expected {found.expected}, observed {found.observed}"
            f" {[e.where for e in found.evidence[-1:]]}"
        )
    return faults
