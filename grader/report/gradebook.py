"""A class for a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.model.result import Result
from grader.report.terminal import number

_HARDEST = 5


def show_class(console: Console, results: Sequence[Result], title: str) -> None:
    """Each learner's points, then the checks that most learners fail."""
    console.print(Text(title, style="bold"))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Learner", overflow="fold")
    table.add_column("Points", justify="right")
    table.add_column("First thing to look at")
    for result in results:
        table.add_row(Text(result.submission), _points(result), Text(_first(result)))
    console.print(table)
    _show_hardest(console, results)


def _points(result: Result) -> Text:
    if not result.complete:
        return Text("no verdict", style="magenta")
    words = f"{number(result.score)} of {number(result.provable_max)}"
    return Text(words, style="green" if result.passed else "red")


def _first(result: Result) -> str:
    if result.problems and all(check.status == "blocked" for check in result.checks):
        return result.problems[0]
    wanted = "failed" if result.complete else "error"
    for check in result.checks:
        if check.status == wanted:
            return check.title if result.complete else check.observed
    return ""


def _show_hardest(console: Console, results: Sequence[Result]) -> None:
    failed: dict[str, tuple[int, str]] = {}
    for result in results:
        for check in result.checks:
            if check.status == "failed":
                count, _ = failed.get(check.id, (0, ""))
                failed[check.id] = (count + 1, check.title)
    if not failed:
        return
    console.print(Text("\nFailed most", style="bold"))
    for count, title in sorted(failed.values(), key=lambda pair: -pair[0])[:_HARDEST]:
        console.print(Text(f"{count:4d} of {len(results)}  {title}"))
    console.print()
