"""The Kubernetes schemas, cut down to what decides whether an object is valid.

The package kubernetes-validate carries the API's JSON schemas for each release. Of these one file
is read, once; per kind its definitions are copied without prose and made to say what the API
server means:

- a required field must not be null, any other may be;
- a quantity is a number or text of the right form; `int32` and `int64` have their bounds.

Validators are compiled when a kind is met for the first time.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grader.errors import CourseError

Schema = dict[str, Any]

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

QUANTITY_FORM = (
    r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?:(?:Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])?|[eE][+-]?[0-9]{1,3})$"
)
BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}

_KEPT = frozenset({"type", "required", "enum"})
_REPLACED: dict[str, Schema] = {
    QUANTITY: {
        "title": QUANTITY,
        "type": ["string", "number", "null"],
        "pattern": QUANTITY_FORM,
        "maxLength": 64,
    },
    INT_OR_STRING: {"title": INT_OR_STRING, "type": ["string", "integer", "null"]},
}
_FOLDER = re.compile(r"v(\d+)\.(\d+)\.\d+-local-strict")


class Schemas:
    """The schemas of one release; `kinds` maps each kind to its apiVersions, best first."""

    def __init__(self, folder: Path) -> None:
        self._definitions: dict[str, Any] = _read(folder)["$defs"]
        self._names: dict[tuple[str, str], str] = {}
        self._cut: dict[str, Schema] = dict(_REPLACED)
        self._validators: dict[str, Any] = {}
        self.kinds: dict[str, list[str]] = {}
        for name, definition in self._definitions.items():
            metadata = definition.get("properties", {}).get("metadata", {})
            if metadata.get("$ref", "").endswith(_OBJECT_META):
                for gvk in definition.get("x-kubernetes-group-version-kind", ()):
                    version = f"{gvk['group']}/{gvk['version']}".lstrip("/")
                    self._names[version, gvk["kind"]] = name
                    self.kinds.setdefault(gvk["kind"], []).append(version)
        for versions in self.kinds.values():
            versions.sort(key=_preference)

    def find(self, api_version: str, kind: str) -> str | None:
        """The name of the definition, or None where this release has no such object."""
        return self._names.get((api_version, kind))

    def has_group(self, api_version: str) -> bool:
        """Whether the group is one of Kubernetes' own, whatever the version."""
        group = api_version.partition("/")[0] if "/" in api_version else ""
        return any(_group(version) == group for version, _ in self._names) or "." not in group

    def right_case(self, kind: str, others: Iterable[str] = ()) -> str:
        """The kind that is most likely meant: other letters' case first, then the nearest spelling.

        The kind itself where it exists, or where nothing is near.
        """
        known = [*others, *self.kinds]
        return kind if kind in known else nearest(kind, known) or kind

    def definition(self, name: str) -> Schema:
        """One definition without prose; its references are names of other definitions."""
        cut = self._cut.get(name)
        if cut is None:
            cut = self._cut[name] = _cut(self._definitions[name])
        return cut

    def is_valid(self, name: str, value: Any) -> bool:
        """What the compiled validator says."""
        validator = self._validators.get(name)
        if validator is None:
            import jsonschema_rs

            validator = jsonschema_rs.Draft202012Validator(self.bundle(name))
            self._validators[name] = validator
        return bool(validator.is_valid(value))

    def bundle(self, name: str) -> Schema:
        """A JSON Schema that holds the definition and all that it refers to."""
        needed: dict[str, Schema] = {}
        todo = [name]
        while todo:
            current = todo.pop()
            if current not in needed:
                needed[current] = self.definition(current)
                todo += _references(needed[current])
        return {"$ref": f"#/$defs/{name}", "$defs": needed}


@lru_cache(maxsize=1)
def schemas() -> Schemas:
    """The schemas of the release that the course uses, or the nearest one before it."""
    from cluster.model import KUBERNETES_VERSION

    spec = find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise CourseError("The package kubernetes-validate is missing.", "Run ./mlk8s again.")
    root = Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema"
    return Schemas(_nearest_folder(root, KUBERNETES_VERSION))


def reference(schema: Schema) -> str | None:
    """The name of the definition that a schema refers to."""
    written = schema.get("$ref")
    return str(written).rpartition("/")[2] if written else None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of, or None."""
    words = list(known)
    lowered = word.lower().replace("-", "").replace("_", "")
    for candidate in words:
        if candidate.lower() == lowered:
            return candidate
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.72)
    return found[0] if found else None


def _read(folder: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads((folder / "_definitions.json").read_bytes())
    except (OSError, ValueError) as error:
        raise CourseError(f"The Kubernetes schemas cannot be read: {error}.") from error
    return loaded


def _nearest_folder(root: Path, version: str) -> Path:
    wanted = tuple(int(part) for part in version.split(".")[:2])
    found = {
        (int(match[1]), int(match[2])): path
        for path in root.iterdir()
        if (match := _FOLDER.fullmatch(path.name))
    }
    if not found:
        raise CourseError("The package kubernetes-validate holds no schemas.")
    older = [release for release in found if release <= wanted]
    return found[max(older) if older else min(found)]


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _preference(api_version: str) -> tuple[bool, bool, int]:
    """Stable before beta before alpha; of these the newest first; `events.k8s.io` after core."""
    version = api_version.rpartition("/")[2]
    digits = re.match(r"v(\d+)", version)
    return "alpha" in version, "beta" in version, -int(digits[1]) if digits else 0


def _cut(schema: Schema) -> Schema:
    """The schema without prose, with nulls and bounds as the API server sees them."""
    result: Schema = {key: value for key, value in schema.items() if key in _KEPT}
    target = reference(schema)
    if target is not None:
        result["$ref"] = f"#/$defs/{target}"
    if "properties" in schema:
        required = schema.get("required", ())
        result["properties"] = {
            key: {**_cut(value), "not": {"type": "null"}} if key in required else _cut(value)
            for key, value in schema["properties"].items()
        }
    if "items" in schema:
        result["items"] = _cut(schema["items"])
    additional = schema.get("additionalProperties")
    if additional is not None:
        result["additionalProperties"] = (
            _cut(additional) if isinstance(additional, dict) else additional
        )
    if "enum" in schema and "null" in schema.get("type", ()):
        result["enum"] = [*schema["enum"], None]
    if schema.get("format") in BOUNDS:
        result["minimum"], result["maximum"] = BOUNDS[schema["format"]]
    return result


def _references(schema: Schema) -> list[str]:
    target = reference(schema)
    found = [target] if target is not None else []
    nested = [*schema.get("properties", {}).values(), schema.get("items")]
    for part in (*nested, schema.get("additionalProperties")):
        if isinstance(part, dict):
            found += _references(part)
    return found
