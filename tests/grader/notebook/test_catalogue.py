"""The generated pages are current, and leave nothing out."""

from __future__ import annotations

import pytest

from grader.judge.survey import checks_of
from grader.load.labs import all_labs
from grader.model.lab import Lab
from grader.notebook.catalogue import common_mistakes, pages, places, points_of, stale
from grader.notebook.copies import notebook_of

LABS = [lab for lab in all_labs() if notebook_of(lab).is_file()]


def test_pages_are_current() -> None:
    """Else: python -m grader.notebook.catalogue"""
    assert [path.name for path in stale()] == []


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_point_is_taught_and_every_mark_is_a_point(lab: Lab) -> None:
    points = points_of(lab)
    assert len(points) >= 5
    assert {point.id for point in points} == set(places(lab))
    assert all(places(lab).values()), "a point is marked before the first heading"


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_checks_of_points_exist(lab: Lab) -> None:
    known = {info.id for info in checks_of(lab)}
    for point in points_of(lab):
        assert set(point.checks) <= known, point.id


def test_common_mistakes_are_caught() -> None:
    labs = {lab.number: {info.id for info in checks_of(lab)} for lab in all_labs()}
    mistakes = common_mistakes()
    assert len(mistakes) == 7
    for mistake in mistakes:
        assert mistake.caught, mistake.says
        for number, names in mistake.caught.items():
            if number in labs:
                assert names, mistake.says
                assert set(names) <= labs[number], mistake.says


def test_the_labs_page_lists_every_lab() -> None:
    text = next(text for path, text in pages().items() if path.parent.name == "labs")
    for lab in all_labs():
        assert f"]({lab.id}/README.md)" in text
        assert lab.file.summary in text
