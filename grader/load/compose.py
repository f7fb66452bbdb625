"""From YAML text to plain values with the place of each field, within bounds.

libyaml's parser turns the text into events; this module builds the values, follows kubectl in how
bare words are read (`grader.load.scalars`), counts what aliases would expand to before they do,
and notes the line and column of each key. Values that an alias repeats are shared, not copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from grader.errors import SubmissionError
from grader.load.limits import (
    MAX_ALIASED_BYTES,
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_NODES,
    Budget,
)
from grader.load.places import Mark
from grader.load.scalars import NotInJson, Scalar, is_surprising, key_text, resolve
from grader.load.syntax import explain_yaml_error
from grader.model.manifest import Place, Problem

_TAGS = "tag:yaml.org,2002:"
_COLLECTION_TAGS = frozenset({_TAGS + "map", _TAGS + "seq"})
_SCALAR_TAGS = {
    _TAGS + "int": int,
    _TAGS + "float": float,
    _TAGS + "bool": bool,
    _TAGS + "null": type(None),
}
_TEXT_TAGS = frozenset({"!", _TAGS + "str", _TAGS + "timestamp"})


@dataclass(slots=True)
class Document:
    """One YAML document. `surprises` holds bare words that YAML reads as something else."""

    value: Any
    mark: Mark
    surprises: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(slots=True)
class _Anchored:
    value: Any
    below: Any
    nodes: int
    text: int
    height: int


class _Merge:
    """The key `<<`: its value's fields become fields of the mapping that it stands in."""


_MERGE = _Merge()


def compose(
    text: str, file: str, budget: Budget, first_line: int = 0
) -> tuple[list[Document], list[Problem]]:
    """The documents of one YAML (or JSON) text that are not empty, and keys written twice.

    Raises SubmissionError, with file and line, for text that is no YAML or breaks a limit.
    """
    composer = _Composer(text, file, budget, first_line)
    try:
        return composer.documents(), composer.problems
    except yaml.YAMLError as error:
        raise explain_yaml_error(error, text, file, first_line) from None
    except UnicodeEncodeError:
        raise SubmissionError("The file is not valid UTF-8 text.", where=file) from None


class _Composer:
    """Builds the values of one text; `below` is the marks under the value built last."""

    def __init__(self, text: str, file: str, budget: Budget, first_line: int) -> None:
        parser = _parser(text)
        self.next = parser.get_event
        self.file = file
        self.budget = budget
        self.first = first_line
        self.problems: list[Problem] = []
        self.surprises: dict[tuple[int, int], str] = {}
        self.surprise: str | None = None
        self.below: Any = None
        self.deepest = 0
        self.last: Any = None
        self.anchors: dict[str, _Anchored] = {}
        self.open: set[str] = set()

    def documents(self) -> list[Document]:
        """Every document that holds something."""
        found: list[Document] = []
        while (event := self.next()) is not None and type(event) is not StreamEndEvent:
            if type(event) is not DocumentStartEvent:
                continue
            self.budget.documents += 1
            start = self.next()
            if self.budget.documents > MAX_DOCUMENTS:
                raise self.refuse(start, f"More than {MAX_DOCUMENTS} documents in one submission.")
            self.anchors, self.open, self.surprises = {}, set(), {}
            self.surprise = None
            value = self.value(start, 1)
            if value is not None:
                mark = start.start_mark
                root = Mark(mark.line + self.first, mark.column, self.below)
                found.append(Document(value, root, self.surprises))
        return found

    def value(self, event: Any, depth: int) -> Any:
        """The value that begins with `event`; leaves its marks in `self.below`."""
        self.budget.nodes += 1
        if self.budget.nodes > MAX_NODES:
            raise self.refuse(event, f"More than {MAX_NODES} values in one submission.")
        if depth > self.deepest:
            self.deepest = depth
            if depth > MAX_DEPTH:
                raise self.refuse(event, f"Nested deeper than {MAX_DEPTH} levels.")
        kind = type(event)
        if kind is AliasEvent:
            return self.alias(event, depth)
        if event.anchor is not None:
            return self.anchored(event, depth)
        if kind is ScalarEvent:
            self.below = None
            return self.scalar(event)
        return self.collection(event, depth)

    def collection(self, event: Any, depth: int) -> Any:
        """A mapping or a list."""
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            raise self.custom_tag(event)
        if type(event) is MappingStartEvent:
            return self.mapping(depth + 1)
        return self.sequence(depth + 1)

    def sequence(self, depth: int) -> list[Any]:
        """The items up to the end of the list."""
        items: list[Any] = []
        marks: list[Mark] = []
        while type(event := self.next()) is not SequenceEndEvent:
            mark = event.start_mark
            items.append(self.value(event, depth))
            place = (mark.line + self.first, mark.column)
            marks.append(Mark(*place, self.below))
            if self.surprise is not None:
                self.surprises[place], self.surprise = self.surprise, None
        self.last = event
        self.below = marks
        return items

    def mapping(self, depth: int) -> dict[str, Any]:
        """The fields up to the end of the mapping; the last of equal keys wins, as in kubectl."""
        fields: dict[str, Any] = {}
        marks: dict[str, Mark] = {}
        merged: set[str] = set()
        while type(event := self.next()) is not MappingEndEvent:
            mark = event.start_mark
            key = self.key(event)
            value = self.value(self.next(), depth)
            if isinstance(key, _Merge):
                self.merge(event, value, fields, marks, merged)
                continue
            place = (mark.line + self.first, mark.column)
            if key in fields and key not in merged:
                self.duplicate(key, place, marks[key])
            merged.discard(key)
            fields[key] = value
            marks[key] = Mark(*place, self.below)
            if self.surprise is not None:
                self.surprises[place], self.surprise = self.surprise, None
        self.last = event
        self.below = marks
        return fields

    def key(self, event: Any) -> str | _Merge:
        """A key as text, as it will stand in JSON."""
        if type(event) is AliasEvent:
            known = self.anchors.get(str(event.anchor))
            value = known.value if known is not None else None
        elif type(event) is ScalarEvent:
            if event.value == "<<" and event.implicit[0]:
                return _MERGE
            value = self.scalar(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(value, None, 1, len(event.value), 0)
        else:
            value = event
        if type(value) is str:
            return value
        text = key_text(value) if isinstance(value, bool | int | float) else None
        if text is None:
            raise self.refuse(
                event,
                "A field's name must be plain text.",
                "Look for a missing name before the colon, or a {{ placeholder }} without quotes.",
            )
        if self.surprise is not None:
            mark = event.start_mark
            self.surprises[mark.line + self.first, mark.column] = self.surprise
            self.surprise = None
        return text

    def scalar(self, event: Any) -> Scalar:
        """A word, number or text."""
        text: str = event.value
        if event.tag is not None:
            return self.tagged(event)
        if not event.implicit[0]:
            return text
        try:
            value = resolve(text)
        except NotInJson:
            raise self.refuse(
                event, f"{text} cannot be written in JSON, so Kubernetes cannot read it."
            ) from None
        if type(value) is not str and value is not None and is_surprising(text, value):
            self.surprise = text
        return value

    def tagged(self, event: Any) -> Scalar:
        """A scalar with a tag of YAML's own, such as `!!str`; any other tag is refused."""
        if event.tag in _TEXT_TAGS:
            return str(event.value)
        wanted = _SCALAR_TAGS.get(event.tag)
        try:
            value = resolve(event.value) if wanted is not None else None
        except NotInJson:
            value = ""
        if wanted is float and type(value) is int:
            return value
        if wanted is None or type(value) is not wanted:
            raise self.custom_tag(event)
        return value

    def anchored(self, event: Any, depth: int) -> Any:
        """A value with a name, `&name`: remembered with what it would cost to repeat."""
        name, budget = event.anchor, self.budget
        nodes, aliased, deepest = budget.nodes, budget.aliased, self.deepest
        begin = event.start_mark.index
        self.open.add(name)
        self.deepest = depth
        self.last = event
        if type(event) is ScalarEvent:
            self.below = None
            value: Any = self.scalar(event)
        else:
            value = self.collection(event, depth)
        end = self.last.end_mark.index
        text = end - begin + budget.aliased - aliased
        height = self.deepest - depth
        self.anchors[name] = _Anchored(value, self.below, budget.nodes - nodes + 1, text, height)
        self.open.discard(name)
        self.deepest = max(deepest, self.deepest)
        return value

    def alias(self, event: Any, depth: int) -> Any:
        """`*name`: the value once more, if the bounds allow what it would expand to."""
        name = event.anchor
        if name in self.open:
            raise self.refuse(event, f"The alias *{name} refers to a value that contains it.")
        known = self.anchors.get(name)
        if known is None:
            raise self.refuse(event, f"The alias *{name} has no anchor &{name} before it.")
        self.budget.nodes += known.nodes - 1
        self.budget.aliased += known.text
        if self.budget.nodes > MAX_NODES or self.budget.aliased > MAX_ALIASED_BYTES:
            raise self.refuse(event, "Aliases repeat values so often that the file becomes huge.")
        if depth + known.height > MAX_DEPTH:
            raise self.refuse(event, f"Nested deeper than {MAX_DEPTH} levels.")
        self.deepest = max(self.deepest, depth + known.height)
        self.below = known.below
        return known.value

    def merge(
        self,
        event: Any,
        value: Any,
        fields: dict[str, Any],
        marks: dict[str, Mark],
        merged: set[str],
    ) -> None:
        """`<<: *name`: in kubectl's reader a later entry wins, whether merged or written."""
        sources = value if isinstance(value, list) else [value]
        below = self.below if isinstance(value, list) else None
        for index in range(len(sources) - 1, -1, -1):
            source = sources[index]
            if not isinstance(source, dict):
                raise self.refuse(event, "The key << takes a mapping, or a list of mappings.")
            source_marks = below[index].below if below is not None else self.below
            fields.update(source)
            marks.update(source_marks)
            merged.update(source)

    def duplicate(self, key: str, place: tuple[int, int], first: Mark) -> None:
        """Note a key that is written twice in one mapping."""
        self.problems.append(
            Problem(
                "duplicate-key",
                f'"{key}" is written twice here, first on line {first.line + 1}; '
                "only the last one counts",
                Place(self.file, place[0] + 1, place[1] + 1),
            )
        )

    def custom_tag(self, event: Any) -> SubmissionError:
        """The refusal of a tag that Kubernetes cannot read."""
        tag = str(event.tag).replace(_TAGS, "!!")[:40]
        return self.refuse(
            event,
            f"The tag {tag} has no meaning in a Kubernetes manifest.",
            "Remove it, or put the value in quotes if the ! belongs to it.",
        )

    def refuse(self, event: Any, message: str, hint: str = "") -> SubmissionError:
        """The error for a bound that is broken at `event`."""
        line = event.start_mark.line + self.first + 1
        return SubmissionError(message, hint, f"{self.file}:{line}")


def _parser(text: str) -> Any:
    if not yaml.__with_libyaml__:
        return _PythonParser(text)
    from yaml import cyaml

    return cyaml.CParser(text)  # type: ignore[attr-defined]


class _PythonParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser, for a Python without libyaml: slower, otherwise the same."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
