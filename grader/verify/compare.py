"""Comparing the verdicts on what was played with those that must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.judge.check import CheckInfo
from grader.model.lab import Lab
from grader.model.result import Result
from grader.verify.entries import Entry
from grader.verify.readme import unreadable, unstated_values


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


def compare(
    lab: Lab,
    entries: Sequence[Entry],
    results: Mapping[str, Result],
    checks: Mapping[str, CheckInfo],
) -> Proof:
    """The proof of a lab from the results of its entries, by name."""
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
    proof.statuses = {
        name: {check.id: check.status for check in result.checks}
        for name, result in results.items()
    }
    return proof


def _faults(entry: Entry, result: Result, checks: Mapping[str, CheckInfo]) -> list[str]:
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
