"""`check`: the lab's verdict in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from cluster.model import ProgressEvent
from grader.errors import GraderError
from grader.model.result import CheckResult, Evidence, Result, Status
from grader.notebook.begin import ProgressPane
from grader.notebook.html import Notice, Shown, marked, show, to_text
from grader.notebook.place import Desk, NotebookStop, desk_of, shown_path, stop
from grader.notebook.standing import remember
from grader.report.words import STATUS_WORDS

_TONES: dict[Status, str] = {
    "passed": "ok",
    "failed": "bad",
    "blocked": "wait",
    "not_provable": "open",
    "error": "wait",
}
FIRST = 4
"""Failed checks shown in full; a learner mends one thing after the other."""


class Verdict(Shown):
    """A lab's result. `points` of `out_of` are what this cluster could prove."""

    def __init__(self, result: Result, title: str) -> None:
        self.result = result
        self.title = title

    @property
    def points(self) -> float:
        """Points earned."""
        return self.result.score

    @property
    def out_of(self) -> float:
        """Points that could be proven here."""
        return self.result.provable_max

    @property
    def passed(self) -> bool:
        """All that could be proven passed."""
        return self.result.passed

    def html(self) -> str:
        """The whole report."""
        return "".join(_report(self.result, self.title))

    def text(self) -> str:
        """The terminal's report, without colours."""
        from grader.report.terminal import render

        return to_text(render(self.result, self.title))


def check(lab: str, cluster: str | None = None) -> Verdict | float:
    """Grade the manifests in your work folder and say what was seen.

    `cluster="none"` judges the files alone, in half a second. Under nbgrader the verdict is shown
    and its points are returned as a number, which nbgrader reads as partial credit; where the
    grader or the cluster failed there is no number but an error, as that is never a zero.
    """
    desk = desk_of(lab)
    grading = bool(os.environ.get("NBGRADER_EXECUTION"))
    if not any(_manifests(desk.work)):
        nothing = (
            f"There is nothing to grade yet: {shown_path(desk.work)} holds no manifest.",
            "Run the %%manifest cells above first.",
        )
        if grading:
            show(Notice(*nothing, tone="fail"))
            return 0.0
        raise NotebookStop(*nothing)
    verdict = Verdict(_grade(desk, cluster or desk.where), desk.lab.file.title)
    if not grading:
        return verdict
    show(verdict)
    if not verdict.result.complete:
        raise NotebookStop("The grader or the cluster failed, so this is no verdict. Grade again.")
    return verdict.points


def _grade(desk: Desk, where: str) -> Result:
    from grader.grading.grade import Options, grade

    try:
        with ProgressPane(f"Lab {desk.lab.number}") as pane:

            def on_step(step: str, what: str) -> None:
                state: Any = "running" if what == "begin" else "done"
                pane(ProgressEvent(step, state, "" if what == "begin" else what))

            result = grade(desk.lab, desk.work, Options(where=where), pane, on_step)
            pane.close()
    except GraderError as error:
        raise stop(error) from error
    remember(desk, result)
    return result


def _manifests(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml", ".json"))


def _report(result: Result, title: str) -> Iterable[str]:
    from grader.report.terminal import cluster_words, number

    yield f'<p class="head">Lab {escape(result.lab[:2])} · {escape(title)}</p>'
    if not result.complete:
        yield (
            '<p class="wait"><b>Incomplete.</b> The grader, the cluster or the machine failed. '
            "This is no verdict on your work: run the cell again.</p>"
        )
    else:
        share = 100 * result.score / result.provable_max if result.provable_max else 0
        tone = "ok" if result.passed else "bad"
        words = f"{number(result.score)} of {number(result.provable_max)} points"
        yield f'<p><b class="{tone}">{words}</b> <span class="soft">{_open(result)}</span></p>'
        filled = f'<i style="width:{share:.0f}%"></i>'
        yield f'<div class="meter" role="img" aria-label="{words}">{filled}</div>'
    yield f'<p class="soft">Evidence: {escape(cluster_words(result))}</p>'
    if result.problems:
        yield '<p class="head">In your files</p>'
        yield from (f"<p><code>{escape(problem)}</code></p>" for problem in result.problems)
    troubled = [c for name in ("error", "failed") for c in result.checks if c.status == name]
    yield from (_check(check) for check in troubled[:FIRST])
    yield from _folded(troubled[FIRST:], "more to look at after these")
    yield from _folded(_of(result, "blocked"), "not examined, as one before it failed")
    yield from _folded(_of(result, "passed"), "passed", open_=not troubled)
    yield from _folded(_of(result, "not_provable"), "not provable on this cluster")


def _open(result: Result) -> str:
    left = result.max_score - result.provable_max
    return f"{left:g} more not provable on this cluster" if left else ""


def _of(result: Result, status: Status) -> list[CheckResult]:
    return [check for check in result.checks if check.status == status]


def _folded(found: list[CheckResult], words: str, open_: bool = False) -> Iterable[str]:
    if found:
        points = sum(check.points for check in found)
        rows = "".join(_check(check) for check in found)
        noun = "check" if len(found) == 1 else "checks"
        count = f"{len(found)} {noun} {words}, {points:g} points"
        shown = " open" if open_ else ""
        yield f"<details{shown}><summary>{escape(count)}</summary>{rows}</details>"


def _check(check: CheckResult) -> str:
    symbol, word = STATUS_WORDS[check.status]
    tone = _TONES[check.status]
    said = "" if check.status == "passed" else f'<b class="{tone}">{word}</b> '
    return (
        f'<div class="check"><span class="{tone}" aria-hidden="true">{symbol}</span>'
        f'<span class="num">{check.earned:g} / {check.points:g}</span>'
        f"<div>{said}{marked(check.title)}{_details(check)}</div></div>"
    )


def _details(check: CheckResult) -> str:
    if check.status == "passed":
        return _seen(check.evidence)
    rows: list[tuple[str, str]] = []
    if check.status == "blocked":
        rows = [("first", check.expected.removeprefix("first: "))]
    elif check.status == "not_provable":
        rows = [("needs", check.expected), ("with", check.hint.removeprefix("To prove it: "))]
    else:
        rows = [("expected", check.expected), ("observed", check.observed)]
        rows += [("where", fact.where) for fact in check.evidence[-1:] if fact.where]
        rows += [("because" if not i else "so", cause) for i, cause in enumerate(check.causes)]
    listed = "".join(f"<dt>{name}</dt><dd>{marked(text)}</dd>" for name, text in rows if text)
    hint = ""
    if check.hint and check.status in ("failed", "error"):
        hint = (
            f'<details><summary>Hint</summary><div class="in">{marked(check.hint)}</div></details>'
        )
    return f"<dl>{listed}</dl>{hint}"


def _seen(evidence: list[Evidence]) -> str:
    if not evidence:
        return ""
    rows = "".join(
        f'<div class="soft">{marked(fact.text)}'
        f"{f' [{escape(fact.where)}]' if fact.where else ''}"
        f"{' (simulated)' if fact.simulated else ''}</div>"
        for fact in evidence[:4]
    )
    summary = '<summary class="soft">what was seen</summary>'
    return f'<details>{summary}<div class="in">{rows}</div></details>'
