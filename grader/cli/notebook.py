"""`notebook`: JupyterLab on the course, in the learner's own folder."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.consoles import out
from grader.errors import UsageError

SETTINGS = {
    # The tasks are Markdown to be read, not to be edited.
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
    # A course asks nobody whether to call another host, and does not do it unasked.
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(notebook)


def notebook(
    lab: Annotated[str | None, typer.Argument(help="Which notebook to open first.")] = None,
    work: Annotated[Path, typer.Option(help="Folder for your copies and manifests.")] = Path(
        "work"
    ),
    again: Annotated[
        bool, typer.Option("--again", help="Put your copy aside and begin with a new one.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    port: Annotated[int, typer.Option(help="Where to listen; the next free one if taken.")] = 8888,
    copy_only: Annotated[
        bool, typer.Option("--copy-only", help="Make the copies and end: for other editors.")
    ] = False,
) -> None:
    """Open the course's notebooks in JupyterLab.

    They are copied to your work folder first. A copy that is there is never overwritten.

    Examples:

        mlk8s notebook

        mlk8s notebook 02

        mlk8s notebook 02 --again

        mlk8s notebook --copy-only
    """
    from grader.load.labs import find_lab
    from grader.notebook.copies import copy_course, fresh_copy, notebook_of

    chosen = find_lab(lab) if lab else None
    if chosen and not notebook_of(chosen).is_file():
        raise UsageError(f"lab {chosen.number} has no notebook", "`mlk8s labs` lists the labs.")
    if again and chosen is None:
        raise UsageError("--again needs the lab whose notebook to begin anew", "mlk8s notebook 02")
    if not copy_only and importlib.util.find_spec("jupyterlab") is None:
        raise UsageError(
            "JupyterLab is not installed here",
            "Run ./mlk8s notebook from the course's folder, or: pip install 'mlk8s[notebooks]'",
        )
    work = work.expanduser().absolute()
    aside = fresh_copy(work, chosen) if again and chosen else ""
    copied = copy_course(work)
    _say(work, copied.new, aside)
    if not copy_only:
        start = f"{chosen.id}.ipynb" if chosen else _next_notebook(work)
        _open(work, start, browser, port)


def _say(work: Path, new: list[str], aside: str) -> None:
    notebooks = [name for name in new if name.endswith(".ipynb")]
    if aside:
        out().print(f"Your earlier copy is kept as {work / aside}", markup=False, soft_wrap=True)
    if notebooks:
        words = f"{len(notebooks)} new " + ("copy" if len(notebooks) == 1 else "copies")
        out().print(f"{words} in {work}: {', '.join(notebooks)}", markup=False, soft_wrap=True)
    else:
        out().print(f"Your notebooks are in {work}", markup=False, soft_wrap=True)


def _next_notebook(work: Path) -> str:
    """The first notebook whose lab is not passed yet."""
    from grader.load.labs import lab_ids
    from grader.notebook.standing import passed_labs

    done = passed_labs(work)
    names = [f"{lab_id}.ipynb" for lab_id in lab_ids() if (work / f"{lab_id}.ipynb").is_file()]
    return next((name for name in names if name.removesuffix(".ipynb") not in done), names[0])


def _open(work: Path, start: str, browser: bool, port: int) -> None:
    """Become JupyterLab: Ctrl-C, its exit code and its output are then its own."""
    settings = Path(tempfile.mkdtemp(prefix="mlk8s-lab-"))
    (settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    arguments = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={work}",
        f"--LabApp.default_url=/lab/tree/{start}",
        f"--LabApp.app_settings_dir={settings}",
        f"--ServerApp.port={port}",
    ]
    if not browser:
        arguments.append("--no-browser")
    if os.geteuid() == 0:
        arguments.append("--allow-root")  # whoever runs the course as root has decided so before
    os.environ["MLK8S_WORK"] = str(work)
    os.execv(sys.executable, arguments)  # noqa: S606 - an argument list, no shell
