"""Does the README say everything that the checks enforce, and do the checks read well?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from grader.judge.check import CheckInfo
from grader.model.lab import Lab

_ENFORCING = frozenset(
    {
        "equals",
        "is_one_of",
        "at_least",
        "at_most",
        "one",
        "container",
        "image_is",
        "runs",
        "gets",
        "port",
        "reaches",
        "has_port",
        "rollout",
        "every_namespace_is",
        "mount",
        "env",
        "quantity",
    }
)
"""Words of the language whose literal arguments a learner has to get right."""

MAX_TITLE = 110


def unstated_values(lab: Lab) -> list[str]:
    """Values that a check enforces and the README does not name, as one sentence each."""
    text = lab.readme.read_text(encoding="utf-8")
    missing: dict[str, str] = {}
    for path in lab.check_files:
        for value, line in enforced_values(path):
            if not _is_named(value, text):
                missing.setdefault(value, f"{path.name}:{line} enforces {value!r}")
    return [f"{found}, which README.md does not name" for found in missing.values()]


def enforced_values(path: Path) -> Iterator[tuple[str, int]]:
    """Every literal that the file's checks hand to an enforcing word, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _word(node.func) in _ENFORCING:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            for argument in arguments:
                yield from _literals(argument)


def unreadable(checks: list[CheckInfo]) -> list[str]:
    """Titles and hints that do not read well, as one sentence each."""
    faults: list[str] = []
    seen: set[str] = set()
    for check in checks:
        if not check.title[0].isupper() and not check.title[0].isdigit():
            faults.append(f"{check.id}: the title does not begin with a capital")
        if len(check.title) > MAX_TITLE:
            faults.append(f"{check.id}: the title is longer than {MAX_TITLE} characters")
        if check.hint[-1] not in ".?!":
            faults.append(f"{check.id}: the hint is not a sentence")
        if check.title in seen:
            faults.append(f"{check.id}: another check has the same title")
        seen.add(check.title)
    return faults


def _word(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literals(node: ast.expr) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool | None):
        yield str(node.value), node.lineno
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for element in node.elts:
            yield from _literals(element)
    elif isinstance(node, ast.Dict):
        for part in [*(key for key in node.keys if key), *node.values]:
            yield from _literals(part)


def _is_named(value: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(value)}(?![\w])", text) is not None
