"""Kustomize trees in a submission: which files belong to one, and what may stand in them.

A tree is built by `kubectl kustomize`, which would fetch what a tree names at another place, and
run what it names as a program. So nothing is built before every kustomization file has been read:
it may use the fields in `ALLOWED` only, and every path in it must lead to a file, or to a folder
with a kustomization file, of the submission itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grader.errors import SubmissionError
from grader.load.limits import Budget
from grader.load.objects import unpacked
from grader.load.places import Mark, Places
from grader.load.text import documents
from grader.model.manifest import FieldPath, Place, Problem

NAMES = ("kustomization.yaml", "kustomization.yml")

ALLOWED = frozenset(
    {
        "apiVersion",
        "kind",
        "metadata",
        "resources",
        "components",
        "namespace",
        "namePrefix",
        "nameSuffix",
        "labels",
        "commonLabels",
        "commonAnnotations",
        "images",
        "replicas",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "replacements",
        "configMapGenerator",
        "generatorOptions",
        "sortOptions",
        "buildMetadata",
    }
)
"""Left out: what runs programs (helm, plugins, functions), what takes in Secrets, and what has
long been replaced (`bases`, `vars`)."""

_HARMLESS = frozenset({"apiVersion", "kind", "metadata", "resources"})
"""What a kustomization file may say that is not built: it changes no object."""

_PATH = re.compile(r"(?:\.{1,2}/)*(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_.-]+/?")
"""Folders without a dot in their names: `github.com/team/repo` would be fetched, even if a folder
of that name is there."""


def part_files(files: Mapping[str, str], trees: Iterable[str]) -> frozenset[str]:
    """Those files (name -> text) that belong to the lab's trees.

    They are all in the top folders of the trees, and in those that a kustomization there leads to.
    A kustomization file elsewhere makes its folder no tree: nothing builds it, so that the
    manifests beside it are plain ones.
    """
    tops = {tree.partition("/")[0] for tree in trees}
    waiting = list(tops)
    while waiting:
        reached = set(_tops_named_in(waiting.pop(), files)) - tops
        tops |= reached
        waiting += reached
    return frozenset(name for name in files if "/" in name and name.partition("/")[0] in tops)


def strays(files: Mapping[str, str], parts: Iterable[str]) -> frozenset[str]:
    """The kustomization files that belong to no tree: neither built nor manifests themselves."""
    return frozenset(name for name in files if _is_kustomization(name)) - frozenset(parts)


def vet_stray(file: str, text: str) -> list[Problem]:
    """What a kustomization file that is not built promises and nobody does.

    Listing resources is harmless: they are applied all the same.
    """
    value, places = _read(file, text)
    message = "is not done: this folder is applied as plain manifests, not built"
    told = sorted((value or {}).keys() - _HARMLESS, key=str)
    return [_problem(places, (key,), f"{key} {message}") for key in told]


def _tops_named_in(top: str, files: Mapping[str, str]) -> Iterator[str]:
    """The top folders with a kustomization to which those in the folder `top` lead."""
    known = {name.partition("/")[0] for name in files if "/" in name and _is_kustomization(name)}
    for file, text in files.items():
        if _is_kustomization(file) and file.startswith(f"{top}/"):
            value, _ = _read(file, text)
            for _, entry in _paths(value or {}):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(file), str(entry)))
                if (named := target.partition("/")[0]) in known:
                    yield named


def is_in_tree(file: str, trees: Iterable[str]) -> bool:
    """Whether a file is below the top folder of one of the lab's trees."""
    top, slash, _ = file.partition("/")
    return bool(slash) and top in {tree.partition("/")[0] for tree in trees}


def vet(parts: Mapping[str, str]) -> list[Problem]:
    """What must not stand in the kustomization files among `parts` (name -> text)."""
    problems: list[Problem] = []
    for file, text in sorted(parts.items()):
        if _is_kustomization(file):
            problems += _vet_file(file, text, parts)
    return problems


def _is_kustomization(name: str) -> bool:
    return posixpath.basename(name) in NAMES


def _read(file: str, text: str) -> tuple[dict[str, Any] | None, Places]:
    """A kustomization file's mapping and places; None where it holds something else."""
    try:
        found, _ = documents(text, file, Budget())
    except SubmissionError:
        found = []  # told when the submission was read
    if len(found) != 1 or not isinstance(found[0].value, dict):
        return None, Places(file, Mark(0, 0))
    return found[0].value, Places(file, found[0].mark)


def _vet_file(file: str, text: str, parts: Mapping[str, str]) -> Iterator[Problem]:
    value, places = _read(file, text)
    if value is None:
        yield Problem("not-buildable", "this kustomization file is no mapping", Place(file, 1))
        return
    for key in value:
        if key not in ALLOWED:
            message = f"{key} is not used in this course's kustomizations"
            if key == "bases":
                message += ": write resources"
            yield _problem(places, (key,), message)
    folder = posixpath.dirname(file)
    for path, entry in _paths(value):
        if (fault := _fault(folder, entry, parts)) is not None:
            yield _problem(places, path, fault)


def _problem(places: Places, path: FieldPath, message: str) -> Problem:
    while path and path not in places:
        path = path[:-1]
    return Problem("not-buildable", message, places[path], path)


def _paths(value: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Any]]:
    """Every entry of a kustomization that names a file or folder."""
    for key in ("resources", "components"):
        yield from _each(value, key)
    for path, entry in _each(value, "patchesStrategicMerge"):
        if not (isinstance(entry, str) and "\n" in entry):
            yield path, entry
    for key in ("patches", "patchesJson6902", "replacements"):
        for path, entry in _each(value, key):
            if isinstance(entry, Mapping) and entry.get("path") is not None:
                yield (*path, "path"), entry["path"]
    for path, entry in _each(value, "configMapGenerator"):
        for kind in ("files", "envs"):
            for below, name in _each(entry, kind):
                # `key=file` gives the file another name.
                yield (*path, *below), name.split("=")[-1] if isinstance(name, str) else name
        if isinstance(entry, Mapping) and entry.get("env") is not None:
            yield (*path, "env"), entry["env"]


def _each(value: Any, key: str) -> Iterator[tuple[FieldPath, Any]]:
    entries = value.get(key) if isinstance(value, Mapping) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        yield (key, index), entry


def _fault(folder: str, entry: Any, parts: Mapping[str, str]) -> str | None:
    """Why a path may not stand there, or None."""
    if not isinstance(entry, str):
        return "a path is text"
    if _PATH.fullmatch(entry) is None:
        return f"{entry[:80]!r} is not a path within your files: nothing is fetched from elsewhere"
    target = posixpath.normpath(posixpath.join(folder, entry))
    if target.startswith(("..", "/")):
        return f"{entry} leads out of your files"
    if target in parts or any(posixpath.normpath(f"{target}/{name}") in parts for name in NAMES):
        return None
    return f"{entry} is neither one of your files nor a folder with a kustomization.yaml"


def places_of(parts: Mapping[str, str], order: Sequence[str]) -> list[tuple[Any, Places]]:
    """Every mapping that the files hold, with its places; the files in this order.

    A `List` counts as its items, since kustomize takes it apart as well.
    """
    found: list[tuple[Any, Places]] = []
    for file in order:
        try:
            read, _ = documents(parts[file], file, Budget())
        except SubmissionError:
            continue
        pairs = [pair for one in read for pair in unpacked(one.value, one.mark)]
        found += [(value, Places(file, mark)) for value, mark in pairs if isinstance(value, dict)]
    return found
