"""From documents to objects: lists unpacked, and what is no Kubernetes object named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grader.load.compose import Document
from grader.load.places import Mark, Places
from grader.model.manifest import FieldPath, Manifest, Place, Problem


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest with what only the loader needs to know about it."""

    manifest: Manifest
    surprises: dict[tuple[int, int], str]

    def word(self, path: FieldPath) -> str | None:
        """The bare word at `path`, where YAML reads it as something else than text."""
        place = self.manifest.where(path)
        return self.surprises.get((place.line - 1, place.column - 1))


def drafts(documents: list[Document], file: str) -> tuple[list[Draft], list[Problem]]:
    """The objects of one file in order, and what is wrong with their outermost shape."""
    found: list[Draft] = []
    problems: list[Problem] = []
    for document in documents:
        for value, mark in unpacked(document.value, document.mark):
            place = Place(file, mark.line + 1, mark.column + 1)
            if not isinstance(value, dict):
                problems.append(
                    Problem(
                        "not-an-object",
                        f"this is {_what(value)}, where a Kubernetes object begins with "
                        "apiVersion, kind and metadata",
                        place,
                    )
                )
                continue
            manifest = Manifest(value, Places(file, mark), place)
            found.append(Draft(manifest, document.surprises))
            problems += _missing(manifest)
    return found, problems


def unpacked(value: Any, mark: Mark) -> Iterator[tuple[Any, Mark]]:
    """The object itself, or the items of a `List`, as kubectl applies it."""
    items = value.get("items") if isinstance(value, dict) else None
    kind = value.get("kind") if isinstance(value, dict) else None
    if not (isinstance(items, list) and isinstance(kind, str) and kind.endswith("List")):
        yield value, mark
        return
    marks = mark.below["items"].below
    inherited = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
    for item, below in zip(items, marks, strict=True):
        if kind != "List" and isinstance(item, dict) and not item.keys() >= inherited.keys():
            item = {**inherited, **item}
        yield from unpacked(item, below)


def _missing(manifest: Manifest) -> list[Problem]:
    """A problem for each of apiVersion, kind and metadata.name that the object lacks."""
    value = manifest.value
    problems: list[Problem] = []
    for key in ("apiVersion", "kind"):
        written = value.get(key)
        if not isinstance(written, str) or not written:
            problem = "must be text" if written not in (None, "") else "is missing"
            message = f"{key} {problem}: without it Kubernetes cannot tell what this is"
            problems.append(_not_an_object(manifest, message, (key,)))
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None or name == "":
        message = f"metadata.name is missing in this {manifest.kind or 'object'}"
        if isinstance(metadata, dict) and metadata.get("generateName"):
            message += ": a manifest that is applied needs a name, generateName is not enough"
        problems.append(_not_an_object(manifest, message, ("metadata", "name")))
    return problems


def _not_an_object(manifest: Manifest, message: str, path: tuple[str, ...]) -> Problem:
    return Problem("not-an-object", message, manifest.where(path), path)


def _what(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "a single value" if value is not None else "empty"
