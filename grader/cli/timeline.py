"""`timeline`: a picture of what happened in a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.consoles import err, out
from grader.errors import MachineError, UsageError

What = Annotated[
    str, typer.Argument(metavar="RECORDING", help="A recording, or a lab: its latest one.")
]
Svg = Annotated[Path | None, typer.Option("--svg", help="Write an SVG picture to this file.")]
Json = Annotated[bool, typer.Option("--json", help="Print what is drawn as one JSON document.")]
Workload = Annotated[
    str, typer.Option("--workload", "-w", help="Only this one: Deployment/web, or web.")
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Only this namespace.")]
Width = Annotated[int, typer.Option(min=480, max=4000, help="Pixels of the SVG picture.")]
Title = Annotated[str, typer.Option(help="Title instead of the lab's.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(timeline)


def timeline(
    recording: What,
    svg: Svg = None,
    workload: Workload = "",
    namespace: Namespace = "",
    title: Title = "",
    width: Width = 900,
    as_json: Json = False,
) -> None:
    """Draw what happened over time: steps, replicas, Pods, endpoints, load and events.

    Every check on a cluster keeps its recording; name a lab to see its latest.

    Examples:

        mlk8s timeline 02

        mlk8s timeline 02 --svg roll.svg --workload Deployment/sentiment-inference

        mlk8s timeline ada.mlk8s-recording --json | jq '.workloads[].pods[].node'
    """
    import dataclasses
    import json

    from grader.model.recording_file import read_recording
    from grader.report.timeline.extract import extract

    path = find_recording(recording)
    story = extract(read_recording(path), workload=workload, namespace=namespace)
    if (workload or namespace) and not story.workloads and not story.services:
        raise UsageError(
            f"nothing in this recording matches {workload or namespace}",
            "Leave the option out to see all that ran.",
        )
    title = title or _title(story.lab)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(story), indent=2))
    if svg:
        from grader.report.timeline.layout import place
        from grader.report.timeline.svg import render as draw

        _write(svg, draw(place(story, title=title, width=width)))
        err().print(f"Drawn: {svg}", markup=False, soft_wrap=True)
    if not as_json and not svg:
        from grader.report.timeline.text import render

        console = out()
        console.print(render(story, title=title, width=console.width), soft_wrap=True)


def find_recording(what: str) -> Path:
    """The file of that name, or the latest recording of that lab; UsageError if there is none."""
    path = Path(what).expanduser()
    if path.exists() or path.suffix or "/" in what:
        return path
    from grader.grading.grade import SUFFIX, recordings_folder
    from grader.load.labs import find_lab

    lab = find_lab(what)
    kept = sorted(recordings_folder(lab.id).glob(f"*{SUFFIX}"))
    if not kept:
        raise UsageError(
            f"there is no recording of lab {lab.number} yet",
            f"`mlk8s check {lab.number}` plays the lab and keeps one.",
        )
    return kept[-1]


def _title(lab_id: str) -> str:
    """`Lab 02: A model server that …`; the id alone where this course has no such lab."""
    from grader.errors import GraderError
    from grader.load.labs import find_lab

    try:
        lab = find_lab(lab_id)
    except GraderError:
        return f"Lab {lab_id}"
    return f"Lab {lab.number}: {lab.file.title}"


def _write(path: Path, svg: str) -> None:
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{path} could not be written: {error.strerror or error}") from error
