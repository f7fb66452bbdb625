"""What the lab allows: kinds, namespaces, and each object once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.model.manifest import Manifest, Place, Problem

_FEW = 8
"""Up to so many allowed kinds are listed in a message."""


def policy_problems(
    manifests: Sequence[Manifest], kinds: Sequence[str], namespaces: Sequence[str]
) -> list[Problem]:
    """Objects outside the lab's kinds and namespaces, and objects that come twice."""
    problems: list[Problem] = []
    for manifest in manifests:
        problems += _kind(manifest, kinds)
        if namespaces:
            problems += _namespace(manifest, namespaces)
    return problems + list(_duplicates(manifests))


def _kind(manifest: Manifest, kinds: Sequence[str]) -> Iterator[Problem]:
    """Only real kinds: a misspelt one is already reported as unknown."""
    if manifest.kind in kinds or not manifest.kind:
        return
    from grader.load.schemas import schemas

    is_core = "." not in manifest.api_version.partition("/")[0]
    if manifest.kind in schemas().kinds or not is_core:
        if schemas().right_case(manifest.kind, kinds) != manifest.kind:
            return
        few = len(kinds) <= _FEW
        allowed = f"; it allows {', '.join(kinds)}" if few else ""
        yield Problem(
            "kind-not-allowed",
            f"this lab does not allow the kind {manifest.kind}{allowed}",
            manifest.where(("kind",)),
            ("kind",),
        )


def _namespace(manifest: Manifest, namespaces: Sequence[str]) -> Iterator[Problem]:
    own = " or ".join(namespaces)
    if manifest.kind == "Namespace":
        if manifest.name and manifest.name not in namespaces:
            path: tuple[str, ...] = ("metadata", "name")
            message = f'the Namespace "{manifest.name}" is not the lab\'s own: {own}'
            yield Problem("foreign-namespace", message, manifest.where(path), path)
    elif manifest.namespace is not None and manifest.namespace not in namespaces:
        path = ("metadata", "namespace")
        message = f'{manifest} is in the namespace "{manifest.namespace}", the lab is in {own}'
        yield Problem("foreign-namespace", message, manifest.where(path), path)


def _duplicates(manifests: Sequence[Manifest]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str | None, str], Place] = {}
    for manifest in manifests:
        if not manifest.kind or not manifest.name:
            continue
        group = manifest.api_version.rpartition("/")[0]
        identity = (group, manifest.kind, manifest.namespace, manifest.name)
        before = first.setdefault(identity, manifest.place)
        if before is not manifest.place:
            message = f"{manifest} is here a second time; the first is at {before}"
            yield Problem("duplicate-object", message, manifest.where(("metadata", "name")))
