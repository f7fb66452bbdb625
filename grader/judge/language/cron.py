"""Cron schedules compared by when they fire, the way a CronJob's controller reads them.

`from grader.judge.language import cron`; then
`job.field("spec.schedule").satisfies(cron.means("0 0 * * 0"), "every Sunday at midnight")`
also takes `@weekly` and `0 0 * * SUN`. The rules are those of the library that Kubernetes uses
(github.com/robfig/cron, "CRON Expression Format").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {name: place + 1 for place, name in enumerate(_MONTHS)},
    {name: place for place, name in enumerate(_DAYS)},
)


@dataclass(frozen=True)
class Schedule:
    """When a schedule fires: minutes, hours and months, and the days as (of month, of week).

    Two schedules are equal if they fire at the same times, however they are written.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    days: frozenset[tuple[int, int]]


def parse(text: str) -> Schedule:
    """The schedule of five fields, or of a macro such as `@weekly`.

    Raises ValueError, in words for the learner, for what the API server would refuse too.
    """
    fields = _MACROS.get(text, text).split()
    if len(fields) != len(_BOUNDS):
        raise ValueError(f"a schedule has five fields, {text!r} has {len(fields)}")
    sets, stars = zip(*map(_field, fields, range(len(fields))), strict=True)
    minutes, hours, of_month, months, of_week = sets
    # A day must fit both fields while one of them is a star, and either one otherwise.
    both = stars[2] or stars[4]
    days = frozenset(
        (date, weekday)
        for date in range(1, 32)
        for weekday in range(7)
        if (date in of_month and weekday in of_week)
        or (not both and (date in of_month or weekday in of_week))
    )
    return Schedule(minutes, hours, months, days)


def means(expected: str) -> Callable[[object], bool]:
    """A predicate: does a written schedule fire exactly when `expected` does?"""
    wanted = parse(expected)

    def fires_alike(written: object) -> bool:
        try:
            return isinstance(written, str) and parse(written) == wanted
        except ValueError:
            return False

    return fires_alike


def _field(text: str, place: int) -> tuple[frozenset[int], bool]:
    """The numbers that one field allows, and whether it is a star."""
    found: set[int] = set()
    star = False
    for part in text.split(","):
        body, slash, step = part.partition("/")
        low, high = _range(body, place, bool(slash))
        every = _number(step, {}) if slash else 1
        if every < 1 or not _BOUNDS[place][0] <= low <= high <= _BOUNDS[place][1]:
            raise ValueError(f"{part!r} is out of range in field {place + 1} of a schedule")
        star = star or (body in ("*", "?") and every == 1)
        found |= set(range(low, high + 1, every))
    return frozenset(found), star


def _range(body: str, place: int, stepped: bool) -> tuple[int, int]:
    if body in ("*", "?"):
        return _BOUNDS[place]
    begin, dash, end = body.partition("-")
    low = _number(begin, _NAMES[place])
    if dash:
        return low, _number(end, _NAMES[place])
    return low, _BOUNDS[place][1] if stepped else low


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no number in a schedule")
    return int(text)
