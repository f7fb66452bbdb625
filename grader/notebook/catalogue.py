"""Generated pages: the labs at a glance, and where each point is taught and asked.

    python -m grader.notebook.catalogue           # writes labs/README.md and docs/curriculum-map.md
    python -m grader.notebook.catalogue --check   # says which of them is not current

The points are data: notebooks/points/NN.yaml for each section, common.yaml for the mistakes that
run through the course. A test sees to it that the pages are current and no point is left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from grader.errors import CourseError
from grader.judge.check import CheckInfo
from grader.judge.survey import checks_of, provable_points
from grader.load.labs import all_labs, course_root
from grader.model.lab import Lab
from grader.notebook import source
from grader.notebook.copies import notebook_of
from grader.quiz.judge import read_quiz

GENERATED = (
    "<!-- Written by `python -m grader.notebook.catalogue`; change its sources, not this. -->"
)
_TAG = "point:"


class Point(BaseModel):
    """One thing that a section teaches, and the checks that ask for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    says: str = Field(pattern=r"\.$")
    checks: tuple[str, ...] = ()


class Common(BaseModel):
    """A mistake that runs through the course, and the labs whose checks catch it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str = Field(pattern=r"\.$")
    caught: dict[str, tuple[str, ...]]


def points_of(lab: Lab) -> list[Point]:
    """The points of the lab's section; none where they are not written yet."""
    return _read(f"{lab.number}.yaml", TypeAdapter(list[Point])) or []


def common_mistakes() -> list[Common]:
    """The mistakes that run through the course."""
    return _read("common.yaml", TypeAdapter(list[Common])) or []


def places(lab: Lab) -> dict[str, str]:
    """Point's id -> heading of the notebook's cell that explains it."""
    found: dict[str, str] = {}
    heading = ""
    if not notebook_of(lab).is_file():
        return found
    for cell in source.read(notebook_of(lab))["cells"]:
        if cell["cell_type"] == "markdown":
            heads = re.findall(r"^#{1,3} (.+)$", cell["source"], re.M)
            heading = heads[0] if heads else heading
        for tag in source.tags(cell):
            if tag.startswith(_TAG):
                found.setdefault(tag.removeprefix(_TAG), heading)
    return found


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    root = course_root()
    return {
        root / "labs" / "README.md": "\n".join(_labs_page()) + "\n",
        root / "docs" / "curriculum-map.md": "\n".join(_map_page()) + "\n",
    }


def stale() -> list[Path]:
    """The pages that are not what would be written now."""
    return [
        path
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    if "--check" in (sys.argv[1:] if arguments is None else arguments):
        found = stale()
        for path in found:
            print(f"{path} is not current: python -m grader.notebook.catalogue")
        return 1 if found else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _read(name: str, adapter: TypeAdapter[Any]) -> Any:
    import yaml

    path = course_root() / "notebooks" / "points" / name
    if not path.is_file():
        return None
    try:
        return adapter.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CourseError(f"{path} is not well formed: {error}") from error


def _labs_page() -> Iterator[str]:
    labs = all_labs()
    yield "# The labs"
    yield ""
    yield GENERATED
    yield ""
    minutes = sum(lab.file.minutes for lab in labs)
    points = sum(_points(lab) for lab in labs)
    checks = sum(len(checks_of(lab)) for lab in labs)
    yield (
        f"{len(labs)} labs, {checks} checks, {points:g} points, {minutes // 60} hours "
        f"{minutes % 60} minutes in all. Each has a task, a starter, and a notebook that leads "
        "to it."
    )
    yield ""
    yield "| lab | you will have proven | section | minutes | needs | points | notebook |"
    yield "|---|---|---|---|---|---|---|"
    for lab in labs:
        file = lab.file
        there = notebook_of(lab).is_file()
        notebook = f"[open](../notebooks/{lab.id}.ipynb)" if there else ""
        yield (
            f"| [{lab.number} {file.title}]({lab.id}/README.md) | {file.summary} | {file.section} "
            f"| {file.minutes} | {_needs(lab)} | {_points(lab):g} | {notebook} |"
        )
    yield ""
    yield "The column *needs* says what the strongest evidence must come from:"
    yield ""
    yield "- files: the manifests alone;"
    yield "- control plane: a real API server, scheduler and controllers, on any cluster;"
    yield "- nodes: Pods that become ready, simulated or real;"
    yield "- containers: some points, whose number is given, need real containers."
    questions = read_quiz().questions
    total = sum(question.points for question in questions)
    yield ""
    yield (
        f"Afterwards, or before: the knowledge check, {len(questions)} questions for {total:g} "
        "points, with `mlk8s quiz` or in its [notebook](../notebooks/knowledge-check.ipynb)."
    )


def _points(lab: Lab) -> float:
    return provable_points(lab, "kind")


def _needs(lab: Lab) -> str:
    words = {"manifests": "files", "control-plane": "control plane", "kubelet": "nodes"}
    needs = {info.needs for info in checks_of(lab)}
    more = _points(lab) - provable_points(lab)
    strongest = next(n for n in ("kubelet", "control-plane", "manifests") if n in needs)
    found = words[strongest]
    noun = "point" if more == 1 else "points"
    return f"{found}; {more:g} {noun} containers" if more else found


def _map_page() -> Iterator[str]:
    yield "# Where each point is taught, and where it is asked"
    yield ""
    yield GENERATED
    yield ""
    yield (
        "A point of the curriculum is explained in a section of its notebook and, where it can be "
        "shown by doing, asked for by checks of its lab."
    )
    for lab in all_labs():
        found, where = points_of(lab), places(lab)
        if not found:
            continue
        titles = {info.id: info for info in checks_of(lab)}
        yield ""
        yield f"## {lab.number} {lab.file.title}"
        yield ""
        yield (f"[Notebook](../notebooks/{lab.id}.ipynb) · [lab](../labs/{lab.id}/README.md)")
        yield ""
        yield "| point | in the notebook under | asked by |"
        yield "|---|---|---|"
        for point in found:
            asked = "<br>".join(_title(titles, name, lab) for name in point.checks)
            under = _cell(where.get(point.id, ""))
            yield f"| {_cell(point.says)} | {under} | {asked or 'the reader'} |"
    yield from _common()


def _common() -> Iterator[str]:
    labs = {lab.number: lab for lab in all_labs()}
    mistakes = common_mistakes()
    if not mistakes:
        return
    yield ""
    yield "## Mistakes that run through the course"
    yield ""
    yield "| mistake | caught by |"
    yield "|---|---|"
    for mistake in mistakes:
        caught = []
        for number, names in mistake.caught.items():
            lab = labs.get(number)
            if lab is None:
                continue
            titles = {info.id: info for info in checks_of(lab)}
            link = f"[{number}](../labs/{lab.id}/README.md)"
            caught += [f"{link} {_title(titles, name, lab)}" for name in names]
        yield f"| {_cell(mistake.says)} | {'<br>'.join(caught)} |"


def _title(titles: dict[str, CheckInfo], name: str, lab: Lab) -> str:
    if name not in titles:
        raise CourseError(f"a point of lab {lab.number} names a check that is not there: {name}")
    return _cell(titles[name].title)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
