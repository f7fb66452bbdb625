"""Containers that were started again and have not yet run for as long as before they ended.

One that keeps ending is Ready for a moment in each of its runs. To take such a moment for the end
of the story would let a crash loop pass as a healthy server, depending on when one looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from grader.model.pods import container_statuses
from grader.model.recording import Change, Object
from grader.observe.recorder import State
from grader.observe.settle import Waiting

Json = dict[str, Any]

QUICK_SIMULATED, QUICK_REAL = 2.0, 20.0
"""Seconds: who ran for longer than this before is not in a quick loop, and is not waited for."""
AS_LONG = 1.5
"""So many times as long as its last run must a container run now."""
LEEWAY = 0.3


def relapses(
    state: State, changes: Sequence[Change], now: float, simulated: bool
) -> list[tuple[Waiting, float]]:
    """What has yet to outlast its last run, with the moment at which it will have.

    `now` and the moments are seconds of the recording's clock.
    """
    quick = QUICK_SIMULATED if simulated else QUICK_REAL
    found = []
    for pod in state.get("Pod", {}).values():
        for entry in again(pod):
            begun, lasted = _runs(pod, entry, changes)
            until = begun + AS_LONG * lasted + LEEWAY
            if lasted < quick and now < until:
                text = f"Pod/{pod['metadata']['name']}: {entry['name']} has just been started again"
                found.append((Waiting(str(pod["metadata"].get("uid")), text), until))
    return found


def again(pod: Object) -> Iterator[Json]:
    """Containers of a Pod that run, and not for the first time."""
    if pod["metadata"].get("deletionTimestamp"):
        return
    for entry in container_statuses(pod):
        if (entry.get("restartCount") or 0) > 0 and "running" in (entry.get("state") or {}):
            yield entry


def _runs(pod: Object, entry: Json, changes: Sequence[Change]) -> tuple[float, float]:
    """When the present run was first seen, and how long the one before it was seen."""
    count, uid = entry["restartCount"], pod["metadata"].get("uid")
    begun = ended = since = 0.0
    for change in reversed(changes):
        if change.object.get("kind") != "Pod" or change.object["metadata"].get("uid") != uid:
            continue
        told = next(
            (e for e in container_statuses(change.object) if e["name"] == entry["name"]), None
        )
        if told is None or told["restartCount"] < count - 1:
            break
        runs = "running" in (told.get("state") or {})
        if told["restartCount"] == count:
            begun = change.at if runs else begun
            ended = change.at
        elif runs:
            since = change.at
        elif since:
            break
        else:
            ended = change.at
    return begun, max(0.0, ended - since) if since else float("inf")
