"""Seeded labs: each learner's case follows from the seed in their `seed.yaml`.

`start` draws a seed and writes it beside the starter files; the grader reads it from there and so
knows the same case, also when it judges a stored recording.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.errors import CourseError, SubmissionError
from grader.model.draws import SEED, draw, fill
from grader.model.lab import DRAWS_FILE, SEED_FILE, Lab
from grader.model.manifest import SourceFile, Submission

_TEXT = frozenset({".yaml", ".yml", ".json", ".md"})
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_seed() -> str:
    """A seed that nobody else has, easy to read aloud."""
    return "".join(secrets.choice(_LETTERS) for _ in range(6))


def drawn_for(lab: Lab, seed: str) -> dict[str, Any]:
    """What this seed draws in this lab."""
    path = lab.root / DRAWS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}") from error
    choices = _parsed(text)
    if not isinstance(choices, dict) or not all(
        isinstance(c, list) and c for c in choices.values()
    ):
        raise CourseError(f"{path} must hold a list of choices under each name")
    return draw(choices, seed)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """The YAML in a text; a class asks for the same one a thousand times."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise CourseError(f"{DRAWS_FILE} is not well formed: {error}") from error


def seed_of(folder: Path) -> str | None:
    """The seed in a folder of work, or None where there is none yet."""
    import yaml

    try:
        found = yaml.safe_load((folder / SEED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    seed = found.get("seed") if isinstance(found, dict) else None
    return str(seed) if seed is not None and SEED.match(str(seed)) else None


def with_draws(lab: Lab, submission: Submission) -> Submission:
    """The submission together with what its seed draws and the files that it began with.

    SubmissionError where its seed is missing or is none: then nobody can tell which case it is.
    """
    if not lab.file.seeded:
        return submission
    form = next((form for form in submission.forms if form.file == SEED_FILE), None)
    seed = str((form.value if form else {}).get("seed") or "")
    if not SEED.match(seed):
        what = f"holds no seed: {seed!r}" if form else "is missing"
        raise SubmissionError(
            f"The file {SEED_FILE} {what}. It says which case is yours.",
            f"`mlk8s start {lab.number}` wrote it beside the other files; put it back.",
            SEED_FILE,
        )
    drawn = drawn_for(lab, seed)
    return replace(submission, drawn=drawn, start=_beginning(lab, drawn))


def _beginning(lab: Lab, drawn: dict[str, Any]) -> Submission:
    from grader.load.submission import from_sources

    rules = lab.file
    sources = [
        SourceFile(str(path.relative_to(lab.starter)), fill(path.read_text("utf-8"), drawn))
        for path in _text_files(lab.starter)
        if path.suffix != ".md"
    ]
    return from_sources(
        "starter",
        sources,
        kinds=rules.kinds,
        namespaces=rules.namespaces,
        forms=rules.all_forms,
    )


def fill_folder(lab: Lab, folder: Path, seed: str) -> None:
    """Put what the seed draws into every file of a folder, in place."""
    drawn = drawn_for(lab, seed)
    for path in _text_files(folder):
        path.write_text(fill(path.read_text("utf-8"), drawn), encoding="utf-8")


def _text_files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix in _TEXT)
