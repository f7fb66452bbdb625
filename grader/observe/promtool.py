"""promtool: Prometheus' own parser and engine for rules, run on a learner's file.

The file is not trusted: an expression or a template may ask for any amount of work, so promtool
runs within bounds. For these two commands it reads no other file and opens no connection.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError, MachineError
from grader.observe.bounded import run

_MESSAGE = 2000
_ALERTS = 10
"""So many alerts of one test are told; an alert for each Pod is two or three."""
_TEXT = r'"(?:[^"\\]|\\.)*"'
_LABELLED = re.compile(rf"(\w+|{_TEXT})=({_TEXT})")
"""A pair of a set of labels as Prometheus prints it; names that are no plain words are quoted."""
_LINT = 3
"""promtool's exit code where it only finds fault with the style."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One unit test of rules; `message` holds promtool's words where it failed."""

    name: str
    passed: bool
    message: str = ""


def check_rules(binary: Path, rules: Path) -> str:
    """promtool's complaint about a rules file, or an empty string.

    Raises TooMuch, or MachineError when promtool itself cannot run.
    """
    ran = run(binary, ["check", "rules", rules.name], rules.parent, (0, 1, _LINT))
    if ran.code == 0:
        return ""
    words = ran.said.replace(f"Checking {rules.name}", "").replace("FAILED:", "")
    return " ".join(words.split())[:_MESSAGE] or f"promtool ended with code {ran.code}"


def test_rules(binary: Path, folder: Path, files: Sequence[str]) -> list[TestOutcome]:
    """The outcome of every test in these files of `folder`, in order.

    Raises CourseError for tests that promtool cannot read, TooMuch and MachineError as above.
    """
    outcomes = []
    for name, failures in _run_tests(binary, folder, files):
        message = "; ".join(" ".join(failure.split()) for failure in failures)
        outcomes.append(TestOutcome(name, not failures, message[:_MESSAGE]))
    return outcomes


def annotations_told(binary: Path, folder: Path, file: str) -> dict[str, list[dict[str, str]]]:
    """For each test of a file that expects no alert: the annotations of each one that fires.

    In promtool's words of what it got instead, at most ten a test. Raises as `test_rules` does.
    """
    told = {}
    for name, failures in _run_tests(binary, folder, [file]):
        lines = [line.strip() for failure in failures for line in failure.splitlines()]
        found = [line for line in lines if line.startswith("Annotations:{")][:_ALERTS]
        told[name] = [
            {_unquoted(key): _unquoted(value)[:_MESSAGE] for key, value in _LABELLED.findall(line)}
            for line in found
        ]
    return told


def _unquoted(written: str) -> str:
    """The text of a quoted string as Go writes it: escapes are those of Python. A word stays."""
    if not written.startswith('"'):
        return written
    try:
        return str(ast.literal_eval(written))
    except (ValueError, SyntaxError):
        return written[1:-1]


def _run_tests(binary: Path, folder: Path, files: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Every test's name with its failures."""
    report = folder / "junit.xml"
    report.unlink(missing_ok=True)
    arguments = ["test", "rules", f"--junit={report.name}", *files]
    ran = run(binary, arguments, folder)
    outcomes = _read_report(report, ran.said)
    if (ran.code == 0) != all(not failures for _, failures in outcomes):
        raise MachineError(f"promtool ended with {ran.code}, which its report does not explain.")
    return outcomes


def _read_report(path: Path, said: str) -> list[tuple[str, list[str]]]:
    from xml.etree import ElementTree

    try:
        # Written by promtool's own encoder, never by a learner.
        root = ElementTree.parse(path).getroot()  # noqa: S314
    except (OSError, ElementTree.ParseError) as error:
        words = said[-300:]
        raise MachineError(f"promtool left no report of its tests: {words or error}") from error
    found = []
    for case in root.iter("testcase"):
        name = case.get("name") or ""
        if (fault := case.findtext("error")) or name.startswith(("unnamed#", "unknown")):
            raise CourseError(f"promtool cannot use the lab's test {name}: {fault or 'no name'}")
        found.append((name, [failure.text or "" for failure in case.iter("failure")]))
    return found
