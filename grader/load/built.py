"""What a kustomize tree was built to: objects whose fields know where they were written.

A built object has no line of its own. Kustomize tells the file that each object comes from; the
line of a field is that of the same field with the same value in the overlay's patches or in that
file, or that of the overlay's `images`, `replicas` or `namespace`, which set it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.errors import SubmissionError
from grader.load.kustomize import NAMES, places_of
from grader.load.limits import Budget
from grader.load.objects import Draft, drafts
from grader.load.places import Places
from grader.load.text import documents
from grader.model.manifest import FieldPath, Manifest, Place, Problem

ORIGIN = "config.kubernetes.io/origin"
_SET_BY = {"image": "images", "replicas": "replicas", "namespace": "namespace"}


def built_drafts(
    text: str, folder: str, parts: Mapping[str, str]
) -> tuple[list[Draft], list[Problem]]:
    """The objects of a build, in order. `folder` is what was built, `parts` its files."""
    try:
        found, _ = documents(text, folder, Budget())
    except SubmissionError as error:
        return [], [Problem("not-buildable", f"the build is {error.message}", Place(folder, 1))]
    objects, problems = drafts(found, folder)
    overlay = sorted(name for name in parts if name.startswith(f"{folder}/"))
    patches = places_of(parts, [name for name in overlay if posixpath.basename(name) not in NAMES])
    settings = places_of(parts, [name for name in overlay if posixpath.basename(name) in NAMES])
    result = []
    for draft in objects:
        value = draft.manifest.value
        origin = _take_origin(value)
        file = posixpath.normpath(posixpath.join(folder, origin)) if origin else ""
        sources = [s for s in patches if _is_about(s[0], value)]
        if file in parts:
            sources += [s for s in places_of(parts, [file]) if _is_about(s[0], value)]
        places = _BuiltPlaces(value, sources, settings, Place(f"{folder}/{NAMES[0]}", 1))
        result.append(Draft(Manifest(value, places, places[()]), {}))
    return result, problems


@dataclass
class _BuiltPlaces(Mapping[FieldPath, Place]):
    """Places of a built object's fields, looked up in what it was built from."""

    value: dict[str, Any]
    sources: Sequence[tuple[Any, Places]]
    settings: Sequence[tuple[Any, Places]]
    fallback: Place
    _known: dict[FieldPath, Place | None] = field(default_factory=dict)

    def __getitem__(self, path: FieldPath) -> Place:
        if path not in self._known:
            self._known[path] = self._find(path)
        if (place := self._known[path]) is None:
            raise KeyError(path)
        return place

    def __iter__(self) -> Iterator[FieldPath]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _find(self, path: FieldPath) -> Place | None:
        if not path:
            return next((places[()] for _, places in reversed(self.sources)), self.fallback)
        built = _dig(self.value, path)
        for written, places in self.sources:
            found = _dig(written, path)
            is_part = isinstance(found, dict | list) and isinstance(built, type(found))
            if found is not None and (is_part or found == built) and path in places:
                return places[path]
        key = _SET_BY.get(str(path[-1]))
        for written, places in self.settings:
            if key is not None and key in written and not isinstance(built, dict | list):
                return places[(key,)]
        return None


def _take_origin(value: dict[str, Any]) -> str:
    """The file that kustomize says the object comes from; the note of it is taken off."""
    import yaml

    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(annotations, dict) or not isinstance(metadata, dict):
        return ""
    note = annotations.pop(ORIGIN, "")
    if not annotations:
        del metadata["annotations"]
    try:
        said = yaml.safe_load(str(note))
    except yaml.YAMLError:
        return ""
    return str(said.get("path") or "") if isinstance(said, dict) else ""


def _is_about(written: Any, built: Mapping[str, Any]) -> bool:
    """Whether something written is this object: a name may have got a prefix or suffix."""
    mine, its = written.get("metadata"), built.get("metadata")
    if written.get("kind") != built.get("kind") or not isinstance(mine, dict):
        return False
    name = str(mine.get("name") or "")
    return bool(name) and isinstance(its, dict) and name in str(its.get("name") or "")


def _dig(value: Any, path: FieldPath) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
