"""Waiting for the cluster: until it has settled, falls silent, or something is gone.

Every wait ends when a watch delivers a change or a deadline comes; nothing is asked repeatedly.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from grader.errors import MachineError
from grader.observe.autoscaling import Looks
from grader.observe.counts import owners
from grader.observe.ending import empty_namespace, finish_namespace
from grader.observe.foresight import Foresight, unproven
from grader.observe.patience import Patience, circling
from grader.observe.relapse import relapses
from grader.observe.settle import Waiting, repository, unsettled
from grader.observe.signs import await_simulation
from grader.observe.stage import DERIVED, Stage
from grader.observe.unheard import unheard

SETTLED, QUIET, TOO_LONG, GONE = "settled", "quiet", "too long", "gone"

SHORT = 0.2
"""Seconds without a change that a settled cluster must show."""
SHORTEST_LIMIT = 60.0
"""Controllers do not run faster where containers are simulated, so a limit is never below this."""
SHORTEST_END = 20.0
"""The same for the end of things, most of which the grader brings about itself."""
DELIVERY = 10.0
_ASK_AGAIN = 0.3
UNHEARD = 30.0
"""Seconds without a change that a controller may take to look at something for the first time."""

_ACTIVE = ("Pod", "Deployment", "ReplicaSet", "StatefulSet", "Job", "Service", "EndpointSlice")


@dataclass
class Outcome:
    """How a wait ended, and what was still under way then."""

    note: str
    waiting: list[str] = field(default_factory=list)
    version: int = 0
    """The cluster's version at that moment, where it is known already."""


def limit(stage: Stage, within: float, shortest: float = SHORTEST_LIMIT) -> float:
    """A limit in seconds of real life as seconds on this cluster."""
    return max(shortest, within * stage.capabilities.time_factor)


def settle(stage: Stage, within: float) -> Outcome:
    """Wait until the cluster has settled, or nothing changes any more, or the limit is reached."""
    deadline = time.monotonic() + limit(stage, within)
    _await_own_changes(stage)
    recorder = stage.recorder
    finite = frozenset(
        repository(s.image) for s in stage.lab.file.servers if s.runs_for is not None
    )
    factor = stage.capabilities.time_factor
    patience = Patience(stage.lab.file.servers, factor, stage.simulated, stage.tempo)
    looks, foresight, synced = Looks(stage), Foresight(factor), -1
    version: int | None = 0
    while True:
        with recorder.changed:
            recorder.raise_fault()
            now, seen = time.monotonic(), recorder.seen
            waiting = unsettled(recorder.state, finite, stage.loaded)
            again = _yet_to_show(stage, foresight, now)
            waiting += [one for one, _ in again]
            note, ends, silent = SETTLED, recorder.last_change + SHORT, ""
            if waiting:
                note = QUIET
                ends = patience.ends_at(recorder.state, waiting, recorder.last_change, now)
                if again and not circling(recorder.state, waiting):
                    ends = max(ends, *(until for _, until in again))
                if now >= min(ends, deadline):  # not before: it reads the whole state
                    silent = unheard(recorder.state, stage.simulated, stage.isolation.own_volumes)
                    ends = max(ends, recorder.last_change + UNHEARD) if silent else ends
            if now < ends and now < deadline:
                recorder.changed.wait_for(
                    lambda seen=seen: recorder.seen != seen or bool(recorder.fault),  # type: ignore[misc]
                    min(ends, deadline) - now,
                )
                continue
        looked = looks.done(recorder.last_change)
        if not looked and now < deadline:
            time.sleep(_ASK_AGAIN)
            continue
        if synced != seen or foresight.is_outdated(now):
            # Asked once more before believing it: neither a slow simulation nor a slow watch
            # must look like silence.
            foresight.learn(await_simulation(stage), time.monotonic())
            version = stage.sync(_worth_asking(stage, bool(waiting)), DELIVERY)
            patience.took(time.monotonic() - now)
            synced = seen
            continue
        if silent:
            raise MachineError(f"Nothing was heard of {silent}: the cluster is too slow or broken.")
        # Nothing was delivered since the last question, so its answer holds for this moment.
        return _outcome(note if now >= ends and looked else TOO_LONG, waiting, version or 0)


def _yet_to_show(stage: Stage, foresight: Foresight, now: float) -> list[tuple[Waiting, float]]:
    """Pods that look healthy and may not be, with the moment (monotonic) until which to wait."""
    state, clock = stage.recorder.state, stage.recorder.clock()
    found = foresight.expected(state)
    if not stage.simulated:
        found += [(one, now + rest) for one, rest in unproven(state, datetime.now(UTC))]
    again = relapses(state, stage.recorder.changes, clock, stage.simulated)
    return found + [(one, now + until - clock) for one, until in again]


def _worth_asking(stage: Stage, all_of_them: bool) -> list[str]:
    """Kinds whose latest state decides.

    Where nothing seems to be left to do, those that somebody else than this run changes and that
    would show it: it has awaited its own changes, and a ReplicaSet shows in its Pods.
    """
    if all_of_them:
        return list(_ACTIVE)
    state = stage.recorder.state
    alone = any(not owners(found) for found in state.get("ReplicaSet", {}).values())
    wanted = {
        "EndpointSlice": bool(state.get("Service")),
        "ReplicaSet": alone,
        "Job": bool(state.get("Job") or state.get("CronJob")),
        "PodDisruptionBudget": bool(state.get("PodDisruptionBudget")),
        "HorizontalPodAutoscaler": stage.loaded and bool(state.get("HorizontalPodAutoscaler")),
    }
    workloads = [kind for kind in ("Deployment", "StatefulSet", "DaemonSet") if state.get(kind)]
    return ["Pod", *workloads, *(kind for kind, asked in wanted.items() if asked)]


def _outcome(note: str, waiting: list[Waiting], version: int) -> Outcome:
    return Outcome(note, sorted({str(one) for one in waiting})[:20], version)


def _await_own_changes(stage: Stage) -> None:
    """Wait until the watches have delivered what this run itself has changed."""
    recorder = stage.recorder
    expected, stage.seen_next = stage.seen_next, []
    for kind, key, version in expected:
        recorder.wait(lambda k=kind, y=key, v=version: recorder.has_seen(k, y, v), DELIVERY)  # type: ignore[misc]


def wait_gone(stage: Stage, within: float) -> Outcome:
    """Wait until all that was deleted is gone, and with a namespace all that was in it."""
    until = time.monotonic() + limit(stage, within, SHORTEST_END)
    namespaces = [key[1] for kind, key in stage.doomed if kind == "Namespace"]
    if namespaces and stage.simulated:
        # What controllers may have made a moment ago; the rest is known.
        claims = ("PersistentVolumeClaim",) if stage.recorder.state.get("StatefulSet") else ()
        stage.sync((*sorted(DERIVED - {"Event"}), *claims), DELIVERY)
        for namespace in namespaces:
            empty_namespace(stage, namespace)
            stage.doom_namespace(namespace)
        stage.recorder.wait(lambda: not _left(stage, "Namespace"), until - time.monotonic())
        for namespace in namespaces:
            finish_namespace(stage, namespace)
    done = stage.recorder.wait(lambda: not _left(stage), until - time.monotonic())
    left = _left(stage)[:20]
    if done:
        stage.doomed.clear()
    return Outcome(GONE if done else TOO_LONG, left)


def _left(stage: Stage, but: str = "") -> list[str]:
    """What of the deleted is still there, leaving one kind out."""
    state = stage.recorder.state
    return sorted(
        f"{kind}/{key[1]}"
        for kind, key in stage.doomed
        if kind != but and key in state.get(kind, {})
    )
