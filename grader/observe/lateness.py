"""Machines that are too slow for a limit in seconds to say anything about a submission.

A scenario gives a rollout three minutes, say. Where real containers take a minute each to start,
though node and image are there, it is the machine that did not keep up.
"""

from __future__ import annotations

from collections.abc import Iterable

from grader.errors import MachineError
from grader.model.pods import container_statuses
from grader.model.recording import Change, Object
from grader.observe.stage import Stage

PROMPT = 15.0
"""Seconds from a Pod's node to its first process; with the image at hand it takes one to three."""
_EXPLAINED = frozenset(
    {"Pulling", "Failed", "BackOff", "ErrImageNeverPull", "FailedMount", "FailedAttachVolume"}
)
"""Reasons of events after which a late start is no surprise: an image or a volume is on its way."""


def prove_prompt(stage: Stage) -> None:
    """Raise MachineError if real containers started so late that a limit proves nothing."""
    if stage.simulated:
        return
    with stage.recorder.changed:
        changes, now = list(stage.recorder.changes), stage.recorder.clock()
    if late := late_start(changes, now):
        raise MachineError(
            f"This machine is too slow, or too busy, for the time that the scenario gives: {late}.",
            "Play it again with fewer programs or submissions at a time.",
        )


def late_start(changes: Iterable[Change], now: float) -> str:
    """The Pod whose first process came latest, in words; empty if all came promptly.

    `now` in seconds of the recording stands for the start of those that have not started.
    """
    placed: dict[str, tuple[float, str]] = {}
    started: dict[str, float] = {}
    gone: dict[str, float] = {}
    explained: set[str] = set()
    for change in changes:
        obj = change.object
        if obj.get("kind") == "Event" and obj.get("reason") in _EXPLAINED:
            explained.add(str((obj.get("involvedObject") or {}).get("uid")))
        if obj.get("kind") != "Pod":
            continue
        uid = str(obj["metadata"].get("uid"))
        if (obj.get("spec") or {}).get("nodeName"):
            placed.setdefault(uid, (change.at, str(obj["metadata"]["name"])))
        if _runs(obj):
            started.setdefault(uid, change.at)
        if change.verb == "deleted" or obj["metadata"].get("deletionTimestamp"):
            gone.setdefault(uid, change.at)
    # By uid, for a StatefulSet's Pods come back under their names.
    waits = {
        uid: started.get(uid, gone.get(uid, now)) - at
        for uid, (at, _) in placed.items()
        if uid not in explained
    }
    latest = max(waits, key=lambda uid: waits[uid], default="")
    if not latest or waits[latest] <= PROMPT:
        return ""
    name = placed[latest][1]
    return f"{waits[latest]:.0f} s went by from Pod {name}'s node to its first process"


def _runs(pod: Object) -> bool:
    states = (entry.get("state") or {} for entry in container_statuses(pod))
    return any({"running", "terminated"} & state.keys() for state in states)
