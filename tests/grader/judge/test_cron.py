from __future__ import annotations

import pytest

from grader.judge.language import cron


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("@weekly", "0 0 * * 0"),
        ("0 0 * * SUN", "0 0 * * 0"),
        ("30 1 * * *", "30 01 */1 1-12 ?"),
        ("0 0 * * 0-6", "@daily"),
        ("0,30 * * * *", "*/30 * * * *"),
        ("0 9 * * mon-fri", "0 9 * * 1,2,3,4,5"),
        ("0 20/2 * * *", "0 20,22 * * *"),
    ],
)
def test_schedules_that_fire_alike_are_the_same(one: str, other: str) -> None:
    assert cron.means(one)(other)
    assert cron.means(other)(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 1 * * *", "30 13 * * *"),
        ("0 0 * * 0", "0 0 * * 1"),
        # Two restricted fields of days: either one fits, so this fires every day.
        ("0 0 1-31 * 0", "0 0 * * 0"),
        ("0 0 */2 * 1", "0 0 * * 1"),
        ("0 0 1 * *", "0 0 1 1 *"),
    ],
)
def test_schedules_that_fire_otherwise_are_not(one: str, other: str) -> None:
    assert not cron.means(one)(other)


@pytest.mark.parametrize(
    "text",
    [
        "1 30 * * *",
        "0 0 * *",
        "0 0 * * 7",
        "x 0 * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "@Daily",
        "",
        1,
        None,
    ],
)
def test_what_the_api_server_refuses_means_nothing(text: object) -> None:
    assert not cron.means("0 0 * * *")(text)
