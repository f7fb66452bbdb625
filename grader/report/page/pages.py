"""From results to HTML. Names and texts come from learners, so everything is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cluster.paths import file_stem
from grader.model.result import CheckResult, Result, Status
from grader.report.terminal import cluster_words, number
from grader.report.words import STATUS_WORDS


def result_page(result: Result, title: str, *, back: str = "", picture: str = "") -> str:
    """One submission's verdict, for its learner. `back` links to the class; `picture` is an SVG
    of our own making that shows what happened."""
    return _render(
        "result.html.j2",
        result=result,
        title=title,
        back=back,
        picture=picture,
        cluster=cluster_words(result),
        lost=[check for check in result.checks if check.status == "failed"],
    )


def picture_of(result: Result) -> str:
    """The SVG of what its recording holds, or nothing where there is none that can be read."""
    from grader.errors import GraderError
    from grader.model.recording_file import read_recording
    from grader.report.timeline import draw_svg

    if not result.recording:
        return ""
    try:
        return draw_svg(read_recording(Path(result.recording)), title="")
    except GraderError:
        return ""


def class_page(results: Sequence[Result], lab: str, title: str) -> str:
    """A class at a glance: learners against checks, and which checks most of them fail."""
    ids = (
        [check.id for check in max(results, key=lambda r: len(r.checks)).checks] if results else []
    )
    sample = {check.id: check for result in results for check in result.checks}
    rows = [
        (
            result,
            {check.id: check for check in result.checks},
            quote(f"{file_stem(result.submission)}.html"),
        )
        for result in results
    ]
    return _render(
        "class.html.j2",
        lab=lab,
        title=title,
        rows=rows,
        checks=[sample[name] for name in ids],
        shares={name: _share(name, results) for name in ids},
        twins=twins(results),
        complete=[result for result in results if result.complete],
        total=len(results),
        passed=sum(result.passed for result in results),
    )


def twins(results: Sequence[Result]) -> list[list[str]]:
    """Learners who handed in exactly the same files: a question to ask, not an accusation."""
    groups: dict[str, list[str]] = {}
    for result in results:
        if result.digest:
            groups.setdefault(result.digest, []).append(result.submission)
    return [names for names in groups.values() if len(names) > 1]


def _share(name: str, results: Sequence[Result]) -> tuple[int, int]:
    """How many passed this check, of how many whose files could be read and who could pass it."""
    found: Counter[Status] = Counter()
    for result in results:
        if not result.digest:
            continue
        for check in result.checks:
            if check.id == name:
                found[check.status] += 1
    return found["passed"], found["passed"] + found["failed"] + found["blocked"]


def _look(check: CheckResult) -> tuple[str, str]:
    return STATUS_WORDS[check.status]


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("grader.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(points=number, look=_look)
    return environment


def _render(template: str, **values: Any) -> str:
    return str(_environment().get_template(template).render(**values))
