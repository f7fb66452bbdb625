"""Whatever stands in a field, a check of the files passes or fails: it never ends in an error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.grading.grade import read_case
from grader.judge.run import judge
from grader.load.labs import find_lab, lab_ids

BAD: tuple[Any, ...] = ("oops", 7, None, [], {}, ["x"], {"x": 1}, [None], True)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path and path[0] not in ("apiVersion", "kind"):
        yield path
    entries = value.items() if isinstance(value, dict) else []
    entries = enumerate(value) if isinstance(value, list) else entries
    for key, entry in entries:
        yield from paths(entry, (*path, key))


def broken(lab_id: str) -> Iterator[tuple[str, list[Any]]]:
    """The reference with one field replaced; each field in turn, by one of the bad values."""
    files = sorted(find_lab(lab_id).solution.glob("*.yaml"))
    objects = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    count = 0
    for place, found in enumerate(objects):
        for path in paths(found):
            bad = BAD[count % len(BAD)]
            count += 1
            spoilt = copy.deepcopy(objects)
            target = spoilt[place]
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = bad
            yield f"{files[place].name} {path} = {bad!r}", spoilt


@pytest.mark.parametrize("lab_id", lab_ids())
def test_no_check_ends_in_an_error(lab_id: str, tmp_path: Path) -> None:
    lab = find_lab(lab_id)
    cases = []
    for place, (what, objects) in enumerate(broken(lab_id)):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "all.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        case = read_case(lab, folder, what)
        case.id = what
        cases.append(case)
    errors = [
        f"{result.submission}: {check.id} {check.observed}"
        for result in judge(lab, cases)
        for check in result.checks
        if check.status == "error"
    ]
    assert not errors
