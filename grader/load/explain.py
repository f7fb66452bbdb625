"""Why an object does not fit its schema, in sentences.

`Explainer` walks the object beside the schema. It is asked only about objects that the compiled
validator has refused; the tests hold the two to the same verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from grader.load.schemas import (
    INT_OR_STRING,
    QUANTITY,
    QUANTITY_FORM,
    Schema,
    Schemas,
    nearest,
    reference,
)
from grader.model.manifest import FieldPath
from grader.model.paths import format_path

_QUANTITY = re.compile(QUANTITY_FORM, re.ASCII)
_ALMOST_QUANTITY = re.compile(r"\s*([+-]?[0-9]*[.,]?[0-9]+)\s*([A-Za-z]*)\s*", re.ASCII)
_UNITS = {"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti", "p": "Pi", "e": "Ei"}
_UNIT_ENDINGS = ("", "b", "i", "ib")
_MAX_SHOWN = 60

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of fields",
}


class Finding(NamedTuple):
    """One problem without its place; `at_key` tells whether it is about the field's name."""

    kind: str
    message: str
    path: FieldPath


class _Level(NamedTuple):
    """An object on the way down, for finding where a misplaced field belongs."""

    path: FieldPath
    properties: dict[str, Schema]


class Explainer:
    """Finds every problem of one object. With `hide`, no value is ever quoted (Secrets).

    `word` gives the bare word in the file at a path where YAML reads it as something else.
    """

    def __init__(
        self,
        schemas: Schemas,
        word: Callable[[FieldPath], str | None] = lambda _: None,
        *,
        hide: bool = False,
    ) -> None:
        self._schemas = schemas
        self._word = word
        self._hide = hide
        self._levels: list[_Level] = []

    def findings(self, definition: str, value: Any) -> list[Finding]:
        """What is wrong with `value`, in the order in which it is written."""
        return list(self._any(self._schemas.definition(definition), value, ()))

    def _any(self, schema: Schema, value: Any, path: FieldPath) -> Iterator[Finding]:
        target = reference(schema)
        if target is not None:
            schema = self._schemas.definition(target)
        types = _types(schema)
        if types and not any(_is(value, name) for name in types):
            yield Finding("wrong-type", self._wrong_type(schema, types, value, path), path)
        elif isinstance(value, dict):
            yield from self._object(schema, value, path)
        elif isinstance(value, list):
            items = schema.get("items")
            if items is not None:
                for index, item in enumerate(value):
                    yield from self._any(items, item, (*path, index))
        elif schema.get("title") == QUANTITY:
            yield from self._quantity(value, path)
        elif value is not None:
            yield from self._bounds(schema, value, path)

    def _object(self, schema: Schema, value: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
        properties = schema.get("properties", {})
        additional = schema.get("additionalProperties")
        self._levels.append(_Level(path, properties))
        required = schema.get("required", ())
        for key, item in value.items():
            below = (*path, key)
            if key in properties:
                if item is not None or key not in required:
                    yield from self._any(properties[key], item, below)
            elif isinstance(additional, dict):
                yield from self._any(additional, item, below)
            elif additional is False:
                yield Finding("unknown-field", self._unknown(key, properties, path), below)
        for key in required:
            if value.get(key) is None:
                message = f"{format_path((*path, key))} is missing; it is required"
                yield Finding("missing-field", message, (*path, key))
        self._levels.pop()

    def _unknown(self, key: str, properties: dict[str, Schema], path: FieldPath) -> str:
        where = f" in {format_path(path)}" if path else ""
        message = f"unknown field {_quoted(key)}{where}"
        word = self._word((*path, key))
        if word is not None and key in ("true", "false"):
            return f'{message}; YAML reads the bare {word} as {key}: write "{word}" in quotes'
        right = nearest(key, properties)
        if right is not None and right.lower() == key.lower():
            return f'{message}; did you mean "{right}"?'
        below = self._below(key, properties)
        if below is not None:
            return f'{message}; it belongs one level deeper, under "{below}"'
        for level in reversed(self._levels[:-1]):
            if key in level.properties and right is None:
                place = format_path(level.path) or "the outermost level"
                return f"{message}; it belongs further out, in {place}"
        return f'{message}; did you mean "{right}"?' if right is not None else message

    def _below(self, key: str, properties: dict[str, Schema]) -> str | None:
        """The field of this object whose own fields include `key`: containers before others."""
        for name in sorted(properties, key=lambda name: name not in ("containers", "spec")):
            schema = properties[name]
            target = reference(schema) or reference(schema.get("items") or {})
            if target is not None and key in self._schemas.definition(target).get("properties", ()):
                return name
        return None

    def _wrong_type(self, schema: Schema, types: list[str], value: Any, path: FieldPath) -> str:
        field = format_path(path) or "the object"
        expected = " or ".join(_TYPES[name] for name in types if name != "null")
        if schema.get("title") == QUANTITY:
            expected = "a quantity such as 500m or 1Gi"
        elif schema.get("title") == INT_OR_STRING:
            expected = "a whole number or text"
        message = f"{field} must be {expected}, not {self._shown(value)}"
        return message + self._advice(types, value, self._word(path))

    def _advice(self, types: list[str], value: Any, word: str | None) -> str:
        """What to change, where that is clear."""
        if self._hide:
            return "; put it in quotes" if _is_plain(value) and "string" in types else ""
        if "string" in types and _is_plain(value):
            text = word if word is not None else json.dumps(value)
            read = isinstance(value, bool) and word is not None
            reason = f" (YAML reads the bare {word} so)" if read else ""
            return f'{reason}; write it in quotes: "{text}"'
        if isinstance(value, str) and "integer" in types and re.fullmatch(r"-?[0-9]+", value):
            return f"; write it without quotes: {value}"
        if isinstance(value, str) and "boolean" in types and value.lower() in ("true", "false"):
            return f"; write it without quotes: {value.lower()}"
        if "array" in types and value is not None:
            return '; begin each item with "- "'
        if "object" in types and isinstance(value, list):
            return '; remove the "- " before its fields'
        return ""

    def _quantity(self, value: Any, path: FieldPath) -> Iterator[Finding]:
        if not isinstance(value, str):
            return
        if len(value) <= 64 and _QUANTITY.fullmatch(value):
            return
        shown = "" if self._hide else f" {_quoted(value)}"
        message = f"{format_path(path)}:{shown} is not a quantity"
        right = _meant_quantity(value)
        message += f"; did you mean {right}?" if right else "; write it as 500m, 2, 512Mi or 1Gi"
        yield Finding("bad-value", message, path)

    def _bounds(self, schema: Schema, value: Any, path: FieldPath) -> Iterator[Finding]:
        allowed = schema.get("enum")
        if allowed is not None and value not in allowed:
            choices = " or ".join(map(str, allowed))
            message = f"{format_path(path)} must be {choices}, not {self._shown(value)}"
            yield Finding("bad-value", message, path)
        if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
            message = f"{format_path(path)} is out of range: {self._shown(value)}"
            yield Finding("bad-value", message, path)

    def _shown(self, value: Any) -> str:
        if value is None:
            return "empty"
        if isinstance(value, dict):
            return "a mapping of fields"
        if isinstance(value, list):
            return "a list"
        if self._hide:
            return "another type of value"
        if isinstance(value, str):
            return f"the text {_quoted(value)}"
        return json.dumps(value) if isinstance(value, bool) else f"the number {value}"


def _types(schema: Schema) -> list[str]:
    written = schema.get("type", [])
    return [written] if isinstance(written, str) else list(written)


def _is(value: Any, name: str) -> bool:
    """Whether a JSON value has the JSON Schema type `name`."""
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, int):
        return name in ("integer", "number")
    if isinstance(value, float):
        return name == "number" or (name == "integer" and value.is_integer())
    known = {type(None): "null", str: "string", list: "array", dict: "object"}
    return known.get(type(value)) == name


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _quoted(text: str) -> str:
    short = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def _meant_quantity(text: str) -> str:
    """The quantity that a usual slip means: `1GB` is 1Gi, `0,5` is 0.5; else an empty string."""
    match = _ALMOST_QUANTITY.fullmatch(text)
    if match is None:
        return ""
    number, unit = match[1].replace(",", "."), match[2]
    if not unit or unit.lower() in ("cpu", "cpus", "core", "cores"):
        return number
    if unit in ("m", "n", "u"):
        return number + unit
    prefix, ending = unit[0].lower(), unit[1:].lower()
    return number + _UNITS[prefix] if prefix in _UNITS and ending in _UNIT_ENDINGS else ""
