"""A Result for a person at a terminal."""

from __future__ import annotations

from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.model.result import CheckResult, Evidence, Result, Status
from grader.report.words import STATUS_WORDS

_COLOURS: dict[Status, str] = {
    "passed": "green",
    "failed": "red",
    "blocked": "yellow",
    "not_provable": "cyan",
    "error": "magenta",
}
_LABEL = 9


Shown = Literal["none", "cluster", "all"]
"""For which passed checks the report shows what was seen."""


def number(value: float) -> str:
    """Points without a needless `.0`."""
    return f"{value:g}"


def render(result: Result, title: str, evidence: Shown = "none") -> RenderableType:
    """The whole report: heading, each check in order, problems of the files, the score."""
    if result.problems and all(check.status == "blocked" for check in result.checks):
        return _unreadable(result, title)
    examined = [check for check in result.checks if check.status != "not_provable"]
    parts: list[RenderableType] = [_heading(result, title), Text()]
    parts += [_check(check, evidence) for check in examined]
    if len(examined) < len(result.checks):
        parts += [Text(), _not_provable(result)]
    if result.problems:
        parts += [Text(), Text("In your files", style="bold")]
        parts += [Padding(Text(problem), (0, 0, 0, 2)) for problem in result.problems]
    parts += [Text(), _score(result)]
    return Group(*parts)


def show(console: Console, result: Result, title: str, evidence: Shown = "none") -> None:
    """Print the report. The recording's path is never broken, so that it can be copied."""
    console.print(render(result, title, evidence))
    if result.recording:
        console.print(Text.assemble("Recording  ", result.recording), soft_wrap=True)


def cluster_words(result: Result) -> str:
    """Where the evidence came from, in a few words, saying what is simulated."""
    cluster = result.cluster
    if cluster.provider == "none":
        return "files only"
    words = f"{cluster.provider}, Kubernetes {(cluster.kubernetes or '?').removeprefix('v')}"
    if cluster.simulated:
        speed = f", {1 / cluster.time_factor:.0f}× faster than life" if cluster.time_factor else ""
        words += f" ({' and '.join(cluster.simulated)} simulated{speed})"
    if cluster.size_factor < 1:
        words += f" (CPU and memory at 1/{1 / cluster.size_factor:.0f}: this machine is smaller)"
    return words


def _heading(result: Result, title: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(f"Lab {result.lab.split('-')[0]}", style="bold"), Text(title, style="bold"))
    grid.add_row("Submission", Text(result.submission))
    grid.add_row("Evidence", Text(cluster_words(result)))
    return grid


def _unreadable(result: Result, title: str) -> RenderableType:
    """Files that cannot be read: what is wrong with them is all there is to say."""
    problems = [Text(f"✘ {problem}", style="red") for problem in result.problems]
    words = "Nothing could be examined. Mend this first, then check again."
    return Group(_heading(result, title), Text(), *problems, Text(), Text(words))


def _check(check: CheckResult, evidence: Shown) -> RenderableType:
    symbol, word = STATUS_WORDS[check.status]
    colour = _COLOURS[check.status]
    points = f"{number(check.earned)}/{number(check.points)}"
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=7, justify="right")
    line.add_column(ratio=1)
    title = Text()
    if check.status != "passed":
        title.append(f"{word.upper()}  ", style=f"bold {colour}")
    title.append(check.title, style="" if check.status == "passed" else "bold")
    line.add_row(Text(symbol, style=colour), Text(points, style=colour), title)
    details = _details(check, evidence)
    return Group(line, Padding(details, (0, 0, 0, 10))) if details else line


def _not_provable(result: Result) -> RenderableType:
    """What this cluster cannot show, together, with the command that would prove it."""
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for check in result.checks:
        if check.status == "not_provable":
            groups.setdefault((check.expected, _how(check)), []).append(check)
    parts: list[RenderableType] = []
    for (expected, command), checks in groups.items():
        points = sum(check.points for check in checks)
        words = "1 point needs" if points == 1 else f"{number(points)} points need"
        parts.append(Text(f"○ Not provable here: {words} {expected}", style="cyan"))
        rows = Table.grid(padding=(0, 2))
        rows.add_column(justify="right")
        for check in checks:
            rows.add_row(number(check.points), check.title)
        parts.append(Padding(rows, (0, 0, 0, 4)))
        parts.append(Padding(Text(f"Prove it with  {command}", style="bold"), (0, 0, 0, 4)))
    return Group(*parts)


def _details(check: CheckResult, evidence: Shown) -> Table | None:
    rows: list[tuple[str, str]] = []
    if check.status in ("failed", "error"):
        rows += [("expected", check.expected), ("observed", check.observed)]
        rows += [("where", fact.where) for fact in check.evidence[-1:] if fact.where]
        rows += [("because" if i == 0 else "so", cause) for i, cause in enumerate(check.causes)]
        rows += [("next", check.hint)] if check.hint else []
    elif check.status == "blocked":
        rows.append(("first", check.expected.removeprefix("first: ")))
    elif evidence == "all" or (evidence == "cluster" and check.needs != "manifests"):
        most = 4 if evidence == "all" else 2
        rows += [("seen", _fact(fact)) for fact in check.evidence[:most]]
    if not rows:
        return None
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_LABEL, style="dim")
    grid.add_column(ratio=1)
    for label, text in rows:
        style = "italic" if label == "next" else "dim" if label == "seen" else ""
        grid.add_row(label, Text(text, style=style))
    return grid


def _fact(fact: Evidence) -> str:
    place = f"  [{fact.where}]" if fact.where else ""
    return f"{fact.text}{place}{'  (simulated)' if fact.simulated else ''}"


def _how(check: CheckResult) -> str:
    return check.hint.removeprefix("To prove it: ")


def _score(result: Result) -> RenderableType:
    proven = f"{number(result.score)} of {number(result.provable_max)} points"
    open_points = result.max_score - result.provable_max
    grid = Table.grid(padding=(0, 2))
    if not result.complete:
        grid.add_row(
            Text("Incomplete", style="bold magenta"),
            "The grader, the cluster or the machine failed: this is no verdict. Run it again.",
        )
    else:
        style = "bold green" if result.passed else "bold red"
        grid.add_row(Text("Score", style="bold"), Text(proven, style=style))
    if open_points:
        verb = "is" if open_points == 1 else "are"
        grid.add_row("", f"{number(open_points)} more {verb} not provable on this cluster")
    return grid


def plain(text: str) -> str:
    """`text` safe to print through rich markup."""
    return escape(text)
