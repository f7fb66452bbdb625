"""Which workload an object belongs to in the end: Pod -> ReplicaSet -> Deployment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grader.model.recording import Change
from grader.report.timeline.pods import Object, entries, part

Owner = tuple[str, str]
"""Kind and name."""


class Owners:
    """Owners of everything that was ever seen, by uid."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._above: dict[str, tuple[Owner, Any]] = {}
        for change in changes:
            uid = part(change.object, "metadata").get("uid")
            if uid:
                self._above[str(uid)] = (identity(change.object), controller(change.object))

    def top(self, found: Object) -> Owner:
        """The uppermost controller that is known; the object itself where there is none."""
        last, above = identity(found), controller(found)
        seen: set[str] = set()
        while above and above["uid"] not in seen:
            seen.add(above["uid"])
            last, above = self._above.get(
                above["uid"], ((str(above["kind"]), str(above["name"])), None)
            )
        return last


def identity(found: Object) -> Owner:
    """Kind and name of an object."""
    return str(found.get("kind") or ""), str(part(found, "metadata").get("name") or "")


def controller(found: Object) -> Object | None:
    """The owner reference of the controller, if it is whole."""
    for reference in entries(part(found, "metadata"), "ownerReferences"):
        whole = all(reference.get(key) for key in ("uid", "kind", "name"))
        if reference.get("controller") and whole:
            return {**reference, "uid": str(reference["uid"])}
    return None
