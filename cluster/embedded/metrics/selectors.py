"""Label selectors as they stand in a query: `app=web,tier in (a, b),!legacy`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s=!]+)\s*(==|=|!=)\s*([\w.-]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s=!(),]+)\s*$")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a selector; an empty one selects everything. Raises ValueError."""
    # Commas inside of parentheses separate values, not requirements.
    parts = re.split(r",(?![^(]*\))", selector) if selector.strip() else []
    held = [_holds(part, labels) for part in parts]  # all of them, to notice any that is wrong
    return all(held)


def _holds(part: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.match(part):
        key, operator, listed = found.groups()
        within = labels.get(key) in {value.strip() for value in listed.split(",")}
        # A label that is missing is not in any set, so `notin` holds for it.
        return within if operator == "in" else not within
    if found := _EQUAL.match(part):
        key, operator, value = found.groups()
        equal = labels.get(key) == value
        return not equal if operator == "!=" else equal
    if found := _EXISTS.match(part):
        return (found.group(2) in labels) is (found.group(1) == "")
    raise ValueError(f"not a label selector: {part.strip()!r}")
