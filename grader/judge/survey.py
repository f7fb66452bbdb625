"""Which checks a lab has, and how many points they are worth on a cluster, without judging."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from grader.errors import CourseError
from grader.judge.check import CheckInfo, info_of
from grader.model.lab import Lab
from grader.model.result import NEEDS_ORDER, Needs

HERE: dict[str, Needs] = {"none": "manifests", "embedded": "load", "kind": "containers"}
"""The strongest evidence that each cluster can supply."""


def provable_points(lab: Lab, cluster: str = "embedded") -> float:
    """The points of those checks that this cluster can prove."""
    most = NEEDS_ORDER.index(HERE[cluster])
    found = [info for info in checks_of(lab) if NEEDS_ORDER.index(info.needs) <= most]
    return round(sum(info.points for info in found), 4)


def checks_of(lab: Lab) -> tuple[CheckInfo, ...]:
    """The lab's checks in the order of its files."""
    return tuple(info for path in lab.check_files for info in _checks(path))


@cache
def _checks(path: Path) -> tuple[CheckInfo, ...]:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"mlk8s_survey_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CourseError(f"{path} cannot be loaded")
    module = module_from_spec(spec)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes_bytecode
    found = (info_of(value) for value in vars(module).values())
    return tuple(info for info in found if info is not None)
