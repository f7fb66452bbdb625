"""The two ways to a Submission: from files, and from the sources that a recording holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from grader.errors import SubmissionError
from grader.load.builds import (
    Render,
    build_all,
    cannot_render,
    is_rendered,
    recorded_render,
)
from grader.load.files import read_files
from grader.load.forms import forms, is_form
from grader.load.kustomize import part_files, strays, vet_stray
from grader.load.limits import MAX_FILE_BYTES, MAX_TOTAL_BYTES, Budget, human
from grader.load.objects import Draft, drafts
from grader.load.policy import policy_problems
from grader.load.redact import Redactor
from grader.load.text import decode, documents, shown
from grader.load.validate import schema_problems
from grader.model.manifest import Form, Problem, SourceFile, Submission


class Rules(NamedTuple):
    """What the lab allows; see `load_submission`."""

    kinds: Sequence[str] | None
    namespaces: Sequence[str]
    forms: Sequence[str]
    builds: Mapping[str, str]
    render: Render


def load_submission(
    path: Path,
    *,
    name: str | None = None,
    kinds: Sequence[str] | None = None,
    namespaces: Sequence[str] = (),
    forms: Sequence[str] = (),
    builds: Mapping[str, str] | None = None,
    render: Render = cannot_render,
) -> Submission:
    """Read a file, or a folder with all its manifests, as one submission.

    `kinds` are those that the lab allows (None: `DEFAULT_KINDS`); `namespaces` the lab's own
    (empty: any); `forms` are patterns of the files that hold no Kubernetes objects; `builds` are
    the kustomize trees (name -> folder), and `render` builds one. What is wrong with an object
    becomes a Problem. UsageError says that there is nothing to read; SubmissionError, with file
    and line, that a file cannot be read as manifests at all.
    """
    budget = Budget()
    files = [(file, decode(data, file)) for file, data in read_files(path, budget)]
    rules = Rules(kinds, namespaces, forms, builds or {}, render)
    return _build(name or shown(path.resolve().name), files, rules, budget)


def from_sources(
    name: str,
    sources: Iterable[SourceFile],
    *,
    kinds: Sequence[str] | None = None,
    namespaces: Sequence[str] = (),
    forms: Sequence[str] = (),
    builds: Mapping[str, str] | None = None,
) -> Submission:
    """The same from text held in a recording, where Secrets are hashed already.

    Objects, places, problems and digest are those of the load that the sources came from; what
    was built then is not built again.
    """
    budget = Budget()
    files: list[tuple[str, str]] = []
    rendered: dict[str, str] = {}
    for source in sources:
        size = len(source.text.encode("utf-8", "surrogatepass"))
        budget.bytes += size
        if size > MAX_FILE_BYTES or budget.bytes > MAX_TOTAL_BYTES:
            limit = human(MAX_FILE_BYTES)
            raise SubmissionError(f"The file is larger than {limit}.", where=source.path)
        if is_rendered(source.path):
            rendered[source.path] = source.text
        else:
            files.append((source.path, source.text))
    rules = Rules(kinds, namespaces, forms, builds or {}, recorded_render(builds or {}, rendered))
    return _build(name, files, rules, budget)


def _build(
    name: str,
    files: list[tuple[str, str]],
    rules: Rules,
    budget: Budget,
) -> Submission:
    found: list[Draft] = []
    filled: list[Form] = []
    problems: list[Problem] = []
    redactor = Redactor()
    sources: list[SourceFile] = []
    trees = dict(files) if rules.builds else {}
    parts = part_files(trees, rules.builds.values())
    beside = strays(trees, parts)
    for file, text in files:
        parsed, duplicates = documents(text, file, budget)
        problems += duplicates
        if file in parts:
            shapeless: list[Problem] = []
        elif file in beside:
            shapeless = vet_stray(file, text)
        elif is_form(file, rules.forms):
            written, shapeless = forms(parsed, file)
            filled += written
        else:
            objects, shapeless = drafts(parsed, file)
            found += objects
        problems += shapeless
        sources.append(SourceFile(file, redactor.redact(text)))
    if not found and not filled and not parts and not problems:
        raise SubmissionError(
            "The submission holds no Kubernetes object: its files are empty.",
            where=files[0][0] if files else "",
        )
    kinds = rules.kinds
    if kinds is None:
        from grader.model.lab import DEFAULT_KINDS

        kinds = DEFAULT_KINDS
    manifests = [draft.manifest for draft in found]
    problems += schema_problems(found, kinds)
    problems += policy_problems(manifests, kinds, rules.namespaces)
    built, wrong, texts = build_all(
        {file: redactor.redact(text) for file, text in files if file in parts},
        rules.builds,
        rules.render,
        lambda found: (
            schema_problems(found, kinds)
            + policy_problems([draft.manifest for draft in found], kinds, rules.namespaces)
        ),
    )
    problems += wrong
    order = {file: index for index, (file, _) in enumerate(files)}
    problems.sort(key=lambda p: (order[p.place.file], p.place.line, p.place.column))
    return Submission(
        name,
        digest(sources),
        tuple(manifests),
        tuple(problems),
        (*sources, *texts),
        tuple(filled),
        builds=built,
    )


def digest(sources: Iterable[SourceFile]) -> str:
    """SHA-256 over paths and contents; the values of Secrets count as equal, whatever they are."""
    from grader.load.redact import without_hashes

    total = hashlib.sha256()
    for source in sources:
        for part in (source.path, without_hashes(source.text)):
            data = part.encode("utf-8", "surrogatepass")
            total.update(len(data).to_bytes(8, "big"))
            total.update(data)
    return total.hexdigest()
