"""`check` and `judge`: grading one submission, and judging recordings again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.consoles import err, out
from grader.errors import EXIT_FAILED, EXIT_MACHINE, EXIT_OK, GraderError, UsageError
from grader.model.result import Result

LabName = Annotated[str, typer.Argument(help="14, local-inference-mock or both together.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON document a line for each recording.")
]
Evidence = Annotated[
    bool, typer.Option("--evidence", "-e", help="Show what was seen for passed checks too.")
]


Submission = Annotated[
    Path | None,
    typer.Option("--submission", "-s", help="Folder or file to grade; work/LAB if not said."),
]
Where = Annotated[
    str, typer.Option(help="auto, embedded, kind, none (files only) or context:NAME.")
]
Live = Annotated[
    bool, typer.Option("--live", help="Look at your own namespace as it is; change nothing.")
]
Really = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The context's name again, where it looks like production."),
]
Page = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write the verdict as a page, with its picture."),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the run's namespaces for a look around.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)
    app.command()(judge)


def check(
    lab: LabName,
    submission: Submission = None,
    cluster: Where = "auto",
    live: Live = False,
    really: Really = None,
    keep: Keep = False,
    evidence: Evidence = False,
    html: Page = None,
    as_json: Json = False,
) -> None:
    """Grade your work for a lab, from the files or on a cluster.

    Exit code: 0 all that could be proven passed; 1 something failed; 2 wrong use; 3 the machine or
    the cluster failed, which is never a verdict.

    Examples:

        mlk8s check 14

        mlk8s check 14 --cluster none

        mlk8s check 02 --submission ~/my-manifests --evidence

        mlk8s check 14 --cluster context:my-cluster --live

        mlk8s check 14 --json | jq .score

        mlk8s check 02 --html verdict.html
    """
    from grader.grading.grade import Options
    from grader.load.labs import find_lab

    found = find_lab(lab)
    path = submission or default_submission(found.id)
    if live and cluster == "none":
        raise UsageError("--live looks at a cluster, --cluster none uses none", "Leave one out.")
    options = Options(where=cluster, live=live, keep=keep, really=really)
    result = run(found.id, path, options, quiet=as_json)
    if html:
        from cluster.paths import write_whole
        from grader.report.page import picture_of, result_page

        write_whole(html, result_page(result, found.file.title, picture=picture_of(result)))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        from grader.report.terminal import show

        show(out(), result, found.file.title, "all" if evidence else "none")
    raise typer.Exit(exit_code(result))


def judge(
    recordings: Annotated[
        list[Path], typer.Argument(help="Recordings that `check` or `class` has kept.")
    ],
    evidence: Evidence = False,
    as_json: JsonLines = False,
) -> None:
    """Judge stored recordings again, without a cluster: after a check was corrected, say.

    What is no recording, or a damaged one, is named at the end; the others are judged. Exit code:
    as of `check`, the worst of all.

    Examples:

        mlk8s judge ~/recordings/*.mlk8s-recording

        mlk8s judge one.mlk8s-recording --json
    """
    from grader.grading.grade import judge_recordings
    from grader.load.labs import find_lab
    from grader.report.terminal import show

    groups, unread = _by_lab(recordings)
    worst = max((error.exit_code for error in unread), default=EXIT_OK)
    for lab_id, paths in groups.items():
        found = find_lab(lab_id)
        for result in judge_recordings(found, paths):
            worst = max(worst, exit_code(result))
            if as_json:
                typer.echo(result.model_dump_json())
            else:
                show(out(), result, found.file.title, "all" if evidence else "none")
    for error in unread:
        words = f"mlk8s: {error.message} {error.hint}".rstrip()
        err().print(words, markup=False, soft_wrap=True)
    raise typer.Exit(worst)


def _by_lab(recordings: list[Path]) -> tuple[dict[str, list[Path]], list[GraderError]]:
    """The recordings of each lab, and what is wrong with those that cannot be read."""
    from grader.model.recording_file import read_recording

    groups: dict[str, list[Path]] = {}
    unread: list[GraderError] = []
    for path in recordings:
        try:
            groups.setdefault(read_recording(path).lab, []).append(path)
        except GraderError as error:
            unread.append(error)
    return groups, unread


def run(lab_id: str, path: Path, options: object, quiet: bool = False) -> Result:
    """Grade with progress on the error console (none when `quiet`)."""
    from grader.grading.grade import Options, grade
    from grader.load.labs import find_lab

    assert isinstance(options, Options)  # noqa: S101 - imported late for a quick --help
    lab = find_lab(lab_id)
    if options.where == "none" or quiet:
        return grade(lab, path, options)
    from cluster.model import ProgressEvent
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view:
        playing = f"Playing lab {lab.number}"

        def on_step(step: str, detail: str) -> None:
            view(ProgressEvent(playing, "running", f"{step} {detail}".strip()))

        result = grade(lab, path, options, progress=view, on_step=on_step)
        view(ProgressEvent(playing, "done"))
    err().print()
    return result


def exit_code(result: Result) -> int:
    """The exit code that a result deserves."""
    if not result.complete:
        return EXIT_MACHINE
    return EXIT_OK if result.passed else EXIT_FAILED


def default_submission(lab_id: str) -> Path:
    """work/LAB below the current folder; UsageError with the way to begin if it is not there."""
    path = Path("work") / lab_id
    if not path.is_dir():
        raise UsageError(
            f"there is no {path} here to grade",
            f"`mlk8s start {lab_id[:2]}` makes it, or name a folder with --submission.",
        )
    return path
