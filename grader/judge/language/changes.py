"""What a learner changed in files that a seeded lab gave: field by field, compared by meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.judge.language.fields import same
from grader.judge.language.objects import ManifestObject
from grader.model.manifest import FieldPath
from grader.model.quantity import Quantity

_AMOUNTS = frozenset({"requests", "limits", "hard", "capacity"})
"""Parents of quantities, where `1Gi` is `1024Mi`."""


@dataclass(frozen=True)
class Change:
    """One field of `object` (`Kind/name`) that differs; None stands for absent.

    `field` names members of lists by their `name`: `spec.containers[server].image`.
    """

    object: str
    field: str
    before: Any
    after: Any
    where: str

    def __str__(self) -> str:
        return f"{self.object} {self.field}: {show(self.before)} became {show(self.after)}"


class Changes:
    """All changes of some objects. `expected` words say what may change."""

    def __init__(self, found: Sequence[Change], what: str) -> None:
        self.found = list(found)
        self.what = what

    def some(self) -> Changes:
        """At least one field was changed."""
        if not self.found:
            raise CheckFailed(f"a repair of {self.what}", "the files as they were given")
        return self

    def only(self, *allowed: str) -> Changes:
        """Every change lies within one of the fields `Kind/name path`, or below it."""
        for change in self.found:
            place = f"{change.object} {change.field}"
            if not any(_within(place, field) for field in allowed):
                raise CheckFailed(
                    f"changes in {self.what} to be within {' or '.join(allowed)}",
                    str(change),
                    change.where,
                )
        for change in self.found:
            note(str(change), change.where)
        return self


def changes_of(
    before: Sequence[ManifestObject],
    after: Sequence[ManifestObject],
    what: str,
    homeless: Sequence[ManifestObject] = (),
) -> Changes:
    """The differences between two sets of objects, which are matched by kind and names.

    `what` is their namespace; `homeless` are objects that have come to name none.
    """
    earlier = {_key(found): found for found in before}
    later = {_key(found): found for found in after}
    strays = {(found.kind, found.object_name): found for found in homeless}
    found: list[Change] = []
    for key, old in earlier.items():
        new = later.get(key)
        stray = strays.get((old.kind, old.object_name))
        if new is None and stray is not None:
            where = str(stray.manifest.where(("metadata",)))
            found.append(Change(str(old.manifest), "metadata.namespace", what, None, where))
            continue
        if new is None:
            found.append(Change(str(old.manifest), "", "an object", None, ""))
            continue
        for path, text, was, became in _differences(old.full, new.full):
            found.append(
                Change(str(old.manifest), text, was, became, str(new.manifest.where(path)))
            )
    for key, new in later.items():
        if key not in earlier and new.kind != "Namespace":
            found.append(Change(str(new.manifest), "", None, "an object", new.where))
    return Changes(found, what)


def _key(found: ManifestObject) -> tuple[str, str | None, str]:
    return found.kind, found.namespace, found.object_name


def _within(place: str, field: str) -> bool:
    return place == field or place.startswith((f"{field}.", f"{field}["))


def _differences(
    before: Any, after: Any, path: FieldPath = (), text: str = ""
) -> Iterator[tuple[FieldPath, str, Any, Any]]:
    """(path in the new object, path to read, old value, new value) of each leaf that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            name = f'["{key}"]' if any(c in key for c in "./") else f".{key}" if text else key
            where = (*path, key)
            yield from _differences(before.get(key), after.get(key), where, f"{text}{name}")
    elif _is_named(before) and _is_named(after):
        places = {entry["name"]: place for place, entry in enumerate(after)}
        old = {entry["name"]: entry for entry in before}
        for name in [*old, *(name for name in places if name not in old)]:
            there = places.get(name)
            where = path if there is None else (*path, there)
            new = None if there is None else after[there]
            yield from _differences(old.get(name), new, where, f"{text}[{name}]")
    elif not _same(before, after, path):
        yield path, text, before, after


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(e, Mapping) and "name" in e for e in value)


def _same(before: Any, after: Any, path: FieldPath) -> bool:
    if len(path) > 1 and path[-2] in _AMOUNTS:
        try:
            return bool(Quantity(before) == Quantity(after))
        except (ValueError, TypeError):
            return bool(before == after)
    return same(before, after)
