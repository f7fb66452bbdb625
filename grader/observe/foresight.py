"""Containers that look healthy and are known not to stay so.

A Pod without a readiness probe is Ready from the moment its process starts, and one with a wrong
liveness probe until that has failed often enough. Its workload has every replica then, its Service
every endpoint. To take such a moment for the end of the story would let a server pass that is
killed a second later. A simulation knows what comes; of real containers, the first seconds and the
kubelet's own warnings tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from grader.model.recording import Object
from grader.observe.counts import is_over, is_ready
from grader.observe.recorder import State
from grader.observe.settle import Waiting

Json = dict[str, Any]

HORIZON = 120.0
"""Seconds of a container's life, times the cluster's time factor: what ends later than that counts
as staying."""
LEEWAY = 0.3
"""Seconds after which a foreseen end ought to have been told."""
FIRST_REAL = 4.0
"""Seconds for which a real container without a readiness probe must have run, as a kubelet counts
them, in whole ones: what cannot start at all, for want of a module or a file, has ended by then."""
ASKED = 2.5
"""Seconds within which a kubelet has asked a liveness probe once its delay is over."""
LONGEST_DELAY = 15.0
"""A liveness probe that begins later than that is not waited for."""


class Foresight:
    """What a simulation has told of the ends to come. All moments are of the monotonic clock."""

    def __init__(self, factor: float) -> None:
        self._horizon = HORIZON * factor
        self._ends: dict[str, float] = {}

    def learn(self, ends: Mapping[str, float], now: float) -> None:
        """Take in in how many seconds something of each Pod will end (uid -> seconds)."""
        self._ends = {uid: now + rest for uid, rest in ends.items() if rest <= self._horizon}

    def expected(self, state: State) -> list[tuple[Waiting, float]]:
        """The Pods that seem to need nothing, with the moment at which that should be over."""
        found = []
        for pod in _healthy(state):
            uid = str(pod["metadata"].get("uid"))
            if (at := self._ends.get(uid)) is not None:
                text = f"Pod/{pod['metadata']['name']}: something in it is about to end"
                found.append((Waiting(uid, text), at + LEEWAY))
        return found

    def is_outdated(self, now: float) -> bool:
        """Whether an end that was foreseen should have come: what is known must be asked anew."""
        return any(at + LEEWAY <= now for at in self._ends.values())


def unproven(state: State, now: datetime) -> list[tuple[Waiting, float]]:
    """Real containers in their first run that have yet to show that they stay.

    Each with the seconds for which to wait. `now` is compared with times of the cluster's nodes.
    """
    found = []
    for pod in _healthy(state):
        uid = str(pod["metadata"].get("uid"))
        for spec, entry in _first_runs(pod):
            until, words = _moment(entry["state"]["running"].get("startedAt")), "was just started"
            until += timedelta(seconds=_needs(spec))
            if warned := _last_warning(state, uid, spec["name"]):
                until = max(until, warned + timedelta(seconds=_fails_after(spec)))
                words = "fails its liveness probe"
            if (rest := (until - now).total_seconds()) > 0:
                text = f"Pod/{pod['metadata']['name']}: {spec['name']} {words}"
                found.append((Waiting(uid, text), rest))
    return found


def _healthy(state: State) -> Iterator[Object]:
    for pod in state.get("Pod", {}).values():
        if is_ready(pod) and not is_over(pod):
            yield pod


def _first_runs(pod: Object) -> Iterator[tuple[Json, Json]]:
    """The spec and the status of each container that runs for the first time."""
    specs = {c["name"]: c for c in (pod.get("spec") or {}).get("containers") or []}
    for entry in (pod.get("status") or {}).get("containerStatuses") or []:
        runs = "running" in (entry.get("state") or {}) and not entry.get("restartCount")
        if runs and entry["name"] in specs:
            yield specs[entry["name"]], entry


def _needs(spec: Mapping[str, Any]) -> float:
    """Seconds for which a container must have run to be believed."""
    needs = 0.0 if spec.get("readinessProbe") else FIRST_REAL
    if liveness := spec.get("livenessProbe"):
        delay = float(liveness.get("initialDelaySeconds") or 0)
        needs = max(needs, delay + ASKED if delay <= LONGEST_DELAY else 0.0)
    return needs


def _fails_after(spec: Mapping[str, Any]) -> float:
    """Seconds from one failure of the liveness probe until there were enough of them."""
    liveness = spec.get("livenessProbe") or {}
    period = float(liveness.get("periodSeconds") or 10)
    return period * int(liveness.get("failureThreshold") or 3) + ASKED


def _last_warning(state: State, uid: str, container: str) -> datetime | None:
    """When the kubelet last said that a container's liveness probe fails; None if never."""
    told = [
        _moment(event.get("lastTimestamp"))
        for event in state.get("Event", {}).values()
        if event.get("reason") == "Unhealthy"
        and str(event.get("message") or "").startswith("Liveness")
        and (about := event.get("involvedObject") or {}).get("uid") == uid
        and about.get("fieldPath") == f"spec.containers{{{container}}}"
    ]
    return max(told, default=None)


def _moment(text: str | None) -> datetime:
    """A time as the API writes it; one that is not written was long ago."""
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")
