"""What `load` hands on: the submission's objects with the place that each field was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FieldPath = tuple[str | int, ...]
"""A field as its steps from the root: `("spec", "containers", 0, "image")`."""


class Place(NamedTuple):
    """Where something stands: file relative to the submission, line and column from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(NamedTuple):
    """One thing that is wrong with a manifest, in one sentence.

    `kind` is `unknown-field`, `wrong-type`, `missing-field`, `bad-value`, `unknown-kind`,
    `duplicate-object`, `duplicate-key`, `not-an-object`, `not-a-form`, `not-buildable`,
    `foreign-namespace` or `kind-not-allowed`.
    """

    kind: str
    message: str
    place: Place
    path: FieldPath = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Written:
    """Something that the learner wrote. `value` is the plain JSON value, without defaults."""

    value: dict[str, Any]
    places: Mapping[FieldPath, Place]
    place: Place

    def where(self, path: FieldPath = ()) -> Place:
        """Place of the field, else of its nearest parent that is written."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return self.places.get((), self.place)


@dataclass(frozen=True)
class Form(Written):
    """A filled-in form: a YAML file of the submission that is no Kubernetes object."""

    @property
    def file(self) -> str:
        """The file's name relative to the submission."""
        return self.place.file

    def __str__(self) -> str:
        return self.file


@dataclass(frozen=True)
class Manifest(Written):
    """One Kubernetes object as written."""

    @property
    def kind(self) -> str:
        """The kind, or an empty string where none is written."""
        return str(self.value.get("kind") or "")

    @property
    def api_version(self) -> str:
        """The apiVersion, or an empty string."""
        return str(self.value.get("apiVersion") or "")

    @property
    def name(self) -> str:
        """metadata.name, or an empty string."""
        return str(_metadata(self.value).get("name") or "")

    @property
    def namespace(self) -> str | None:
        """metadata.namespace as written, or None."""
        written = _metadata(self.value).get("namespace")
        return str(written) if written else None

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class SourceFile:
    """One file of the submission as text, with the values of Secrets already replaced by hashes."""

    path: str
    text: str


@dataclass(frozen=True)
class Submission:
    """A whole submission: its objects in file order, what is wrong with them, and their sources.

    `name` is what the learner or class calls it; `digest` is SHA-256 over paths and contents. In a
    seeded lab `drawn` is what the seed drew, and `start` the files that the learner began with.
    """

    name: str
    digest: str
    manifests: tuple[Manifest, ...]
    problems: tuple[Problem, ...] = ()
    sources: tuple[SourceFile, ...] = field(default=(), repr=False)
    forms: tuple[Form, ...] = ()
    drawn: Mapping[str, Any] = field(default_factory=dict)
    start: Submission | None = field(default=None, repr=False)
    builds: tuple[Build, ...] = ()

    def build(self, name: str) -> Build | None:
        """What the lab calls by this name under `kustomize`, or None."""
        return next((build for build in self.builds if build.name == name), None)


@dataclass(frozen=True)
class Build:
    """A kustomize tree of a submission, built: its objects, or why it could not be built."""

    name: str
    folder: str
    built: Submission | None = None
    error: str = ""


def _metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    found = value.get("metadata")
    return found if isinstance(found, Mapping) else {}
