"""Checks each object against the Kubernetes schemas, and says what is wrong where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.load.explain import Explainer, Finding
from grader.load.objects import Draft
from grader.load.rules import rule_findings
from grader.load.schemas import Schemas, schemas
from grader.model.manifest import Manifest, Problem


def schema_problems(drafts: Sequence[Draft], kinds: Sequence[str]) -> list[Problem]:
    """Every problem that the schemas and the rules of `grader.load.rules` find.

    A kind that is not in the schemas but in `kinds` is a custom resource: the cluster judges it.
    """
    problems: list[Problem] = []
    for draft in drafts:
        manifest = draft.manifest
        if isinstance(manifest.value.get("kind"), str) and manifest.kind and manifest.api_version:
            problems += _problems(draft, kinds)
    return problems


def _problems(draft: Draft, kinds: Sequence[str]) -> Iterator[Problem]:
    known = schemas()
    manifest = draft.manifest
    definition = known.find(manifest.api_version, manifest.kind)
    if definition is None:
        yield from _unknown_kind(manifest, known, kinds)
        return
    hide = manifest.kind == "Secret"
    if not known.is_valid(definition, manifest.value):
        explainer = Explainer(known, draft.word, hide=hide)
        for finding in explainer.findings(definition, manifest.value):
            yield _placed(finding, manifest)
    for finding in rule_findings(manifest):
        yield _placed(finding, manifest)


def _placed(finding: Finding, manifest: Manifest) -> Problem:
    return Problem(finding.kind, finding.message, manifest.where(finding.path), finding.path)


def _unknown_kind(manifest: Manifest, known: Schemas, kinds: Sequence[str]) -> Iterator[Problem]:
    kind, version = manifest.kind, manifest.api_version
    versions = known.kinds.get(kind)
    path: tuple[str, ...] = ("kind",)
    if versions is not None:
        path = ("apiVersion",)
        right = versions[0]
        old = "beta" in version or "alpha" in version
        problem = "is no longer served" if old else "does not exist"
        message = f"{version} {kind} {problem}: use {right}"
    elif kind in kinds:
        return
    else:
        meant = known.right_case(kind, kinds)
        if meant != kind:
            message = f'unknown kind "{kind[:80]}"; did you mean "{meant}"?'
        elif known.has_group(version):
            message = f'unknown kind "{kind[:80]}" in {version[:80]}'
        else:
            return
    yield Problem("unknown-kind", message, manifest.where(path), path)
