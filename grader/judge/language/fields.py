"""Fields and nodes of an object: the smallest words of the language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.model.manifest import FieldPath, Written
from grader.model.paths import format_path, parse_path
from grader.model.quantity import Quantity


def dig(value: Any, path: FieldPath) -> Any:
    """The value at `path`, or None where any step is missing."""
    for step in path:
        if isinstance(step, int):
            value = (
                value[step]
                if isinstance(value, list) and -len(value) <= step < len(value)
                else None
            )
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def same(expected: Any, observed: Any) -> bool:
    """Whether two values mean the same: quantities by amount, all else as the API tells apart."""
    if isinstance(expected, Quantity):
        return bool(expected == observed)
    if isinstance(expected, bool) or isinstance(observed, bool):
        return bool(expected is observed)
    if isinstance(expected, Mapping) and isinstance(observed, Mapping):
        return expected.keys() == observed.keys() and all(
            same(expected[key], observed[key]) for key in expected
        )
    if isinstance(expected, list | tuple) and isinstance(observed, list | tuple):
        return len(expected) == len(observed) and all(map(same, expected, observed))
    return bool(expected == observed)


class Node:
    """A part of one manifest or form: knows its object, its path in it and its value with defaults.

    `full` is the whole object with the API server's defaults filled in; `manifest` is the object
    as written, which tells what the learner set and where.
    """

    def __init__(self, manifest: Written, full: Mapping[str, Any], path: FieldPath = ()) -> None:
        self.manifest = manifest
        self.full = full
        self.path = path

    @property
    def value(self) -> Any:
        """The plain value, with defaults; None where there is none."""
        return dig(self.full, self.path)

    @property
    def where(self) -> str:
        """`file:line` of this part, or of its nearest parent that is written."""
        return str(self.manifest.where(self.path))

    @property
    def name(self) -> str:
        """`Kind/name`, then the path of this part; containers by their names, not their places."""
        for place, step in enumerate(self.path[:-1]):
            if step in ("containers", "initContainers"):
                container = dig(self.full, (*self.path[: place + 2], "name"))
                rest = format_path(self.path[place + 2 :])
                return f"{self.manifest} container {container} {rest}".rstrip()
        return f"{self.manifest} {format_path(self.path)}" if self.path else str(self.manifest)

    def node(self, path: FieldPath) -> Node:
        """The part at `path` below this one."""
        return Node(self.manifest, self.full, self.path + path)

    def field(self, path: str) -> Field:
        """The field at `path` below this one, for example `resources.limits["nvidia.com/gpu"]`."""
        return Field(self.manifest, self.full, self.path + parse_path(path))


class FilledForm(Node):
    """A whole form. Its fields have no defaults: what is not written is None."""


class Field(Node):
    """One field, with the ways to say what it must be. Each way returns the field itself."""

    @property
    def written(self) -> bool:
        """Whether the learner wrote the field, defaults aside."""
        return dig(self.manifest.value, self.path) is not None

    def equals(self, expected: Any) -> Field:
        """The value means the same as `expected`."""
        return self._require(same(expected, self.value), show(expected))

    def is_one_of(self, allowed: Iterable[Any]) -> Field:
        """The value means the same as one of `allowed`."""
        choices = list(allowed)
        return self._require(
            any(same(choice, self.value) for choice in choices),
            "one of " + ", ".join(show(choice) for choice in choices),
        )

    def at_least(self, minimum: int | float | Quantity) -> Field:
        """The value is a number or quantity of at least `minimum`."""
        return self._require(_ordered(minimum, self.value), f"at least {show(minimum)}")

    def at_most(self, maximum: int | float | Quantity) -> Field:
        """The value is a number or quantity of at most `maximum`."""
        return self._require(_ordered(self.value, maximum), f"at most {show(maximum)}")

    def is_set(self) -> Field:
        """The learner wrote a value."""
        return self._require(self.written, "a value")

    def is_absent(self) -> Field:
        """The learner wrote none."""
        return self._require(not self.written, "no value")

    def satisfies(self, predicate: Callable[[Any], object], expected: str) -> Field:
        """The predicate holds for the value; `expected` says it in words."""
        return self._require(bool(predicate(self.value)), expected)

    def _require(self, holds: bool, expected: str) -> Field:
        observed = show(self.value)
        if not self.written and self.value is not None:
            observed += " (the default)"
        where = f"{self.where}"
        if not holds:
            raise CheckFailed(f"{self.name} to be {expected}", observed, where)
        note(f"{self.name} is {observed}", where)
        return self


def _ordered(low: Any, high: Any) -> bool:
    try:
        return Quantity(low) <= Quantity(high)
    except (ValueError, TypeError):
        return False
