"""The course proves its own grader: see `mlk8s verify`."""

from __future__ import annotations

import pytest

from grader.load.labs import all_labs, find_lab, lab_ids
from grader.verify.prove import prove

LABS = lab_ids()


@pytest.mark.parametrize("lab_id", LABS)
def test_files_alone(lab_id: str) -> None:
    proof = prove(find_lab(lab_id), None, jobs=1)
    assert not proof.faults
    assert proof.variants >= 4


def test_every_lab_is_complete() -> None:
    for lab in all_labs():
        assert lab.readme.is_file(), lab.id
        assert (lab.solution / "WHY.md").is_file(), lab.id
        assert any(lab.starter.rglob("*.yaml")), lab.id
        assert lab.submissions is not None, lab.id
