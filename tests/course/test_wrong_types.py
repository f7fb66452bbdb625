"""Whatever stands in a field, a check of the files passes or fails: it never ends in an error."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.grading.grade import read_case
from grader.judge.run import judge
from grader.load.labs import find_lab, lab_ids
from grader.load.seeds import fill_folder
from grader.model.lab import Lab

BAD: tuple[Any, ...] = ("oops", 7, None, [], {}, ["x"], {"x": 1}, [None], True)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path and path[0] not in ("apiVersion", "kind"):
        yield path
    entries = value.items() if isinstance(value, dict) else []
    entries = enumerate(value) if isinstance(value, list) else entries
    for key, entry in entries:
        yield from paths(entry, (*path, key))


Files = dict[str, list[Any]]
"""Documents of each file, by its name in the submission."""


def reference(lab: Lab, folder: Path) -> Files:
    """The solution's documents; of one seed, where the lab draws a case."""
    shutil.copytree(lab.solution, folder, ignore=shutil.ignore_patterns("*.md"))
    if lab.file.seeded:
        fill_folder(lab, folder, "wrong-types")
    return {
        str(path.relative_to(folder)): list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        for path in sorted(folder.rglob("*.yaml"))
    }


def broken(files: Files) -> Iterator[tuple[str, Files]]:
    """The reference with one field replaced; each field in turn, by one of the bad values."""
    count = 0
    for name, documents in files.items():
        for place, found in enumerate(documents):
            for path in paths(found):
                bad = BAD[count % len(BAD)]
                count += 1
                spoilt = copy.deepcopy(files)
                target = spoilt[name][place]
                for key in path[:-1]:
                    target = target[key]
                target[path[-1]] = bad
                yield f"{name} {path} = {bad!r}", spoilt


@pytest.mark.parametrize("lab_id", lab_ids())
def test_no_check_ends_in_an_error(lab_id: str, tmp_path: Path) -> None:
    lab = find_lab(lab_id)
    cases = []
    for place, (what, files) in enumerate(broken(reference(lab, tmp_path / "solution"))):
        for name, documents in files.items():
            path = tmp_path / str(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        case = read_case(lab, tmp_path / str(place), what)
        case.id = what
        cases.append(case)
    errors = [
        f"{result.submission}: {check.id} {check.observed}"
        for result in judge(lab, cases)
        for check in result.checks
        if check.status == "error"
    ]
    assert not errors
