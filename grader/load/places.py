"""Where each field of an object is written, kept cheaply and answered on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from grader.model.manifest import FieldPath, Place


class Mark(NamedTuple):
    """Line and column, from 0, of a field's name (or of a list's item), and what lies below.

    `below` maps the keys of a mapping, or the indexes of a list, to marks; None under a scalar.
    """

    line: int
    column: int
    below: Any = None


class Places(Mapping[FieldPath, Place]):
    """The places of one object: of a field its name's, of a list's item where it begins.

    The tree of marks is walked on each question, so that an object whose places nobody asks for
    costs nothing more than the marks.
    """

    __slots__ = ("_file", "_root")

    def __init__(self, file: str, root: Mark) -> None:
        self._file = file
        self._root = root

    def __getitem__(self, path: FieldPath) -> Place:
        mark = self._root
        for step in path:
            below = mark.below
            inside = isinstance(step, int) and isinstance(below, list) and 0 <= step < len(below)
            if not inside and not isinstance(below, dict):
                raise KeyError(path)
            mark = below[step]
        return self._place(mark)

    def __iter__(self) -> Iterator[FieldPath]:
        yield from _paths(self._root, ())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _place(self, mark: Mark) -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1)


def _paths(mark: Mark, path: FieldPath) -> Iterator[FieldPath]:
    yield path
    if isinstance(mark.below, dict):
        for key, below in mark.below.items():
            yield from _paths(below, (*path, key))
    elif isinstance(mark.below, list):
        for index, below in enumerate(mark.below):
            yield from _paths(below, (*path, index))
