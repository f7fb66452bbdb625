"""The application: its commands, and how their errors end."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from grader.cli import (
    bundle,
    check,
    classroom,
    clusters,
    doctor,
    labs,
    nbgrader,
    notebook,
    quiz,
    timeline,
    tour,
    verify,
)
from grader.cli.consoles import err
from grader.errors import EXIT_INTERRUPTED, EXIT_MACHINE, EXIT_USAGE, GraderError

app = typer.Typer(
    name="mlk8s",
    help="Kubernetes for ML: labs that are graded by what really happens on a cluster.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from cluster.model import KUBERNETES_VERSION
        from grader.judge.run import package_version

        typer.echo(f"mlk8s {package_version()} (Kubernetes {KUBERNETES_VERSION})")
        raise typer.Exit


tour.add_to(app)
labs.add_to(app)
notebook.add_to(app)
nbgrader.add_to(app)
quiz.add_to(app)
check.add_to(app)
classroom.add_to(app)
clusters.add_to(app)
timeline.add_to(app)
verify.add_to(app)
bundle.add_to(app)
doctor.add_to(app)


def run(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code. A user's mistake never shows a traceback."""
    from cluster.errors import ClusterError

    try:
        code = app(args=arguments, standalone_mode=False)
        if code == EXIT_INTERRUPTED:
            return _say("stopped; nothing was lost, run the same command again", "", code)
        return int(code) if isinstance(code, int) else 0
    except GraderError as error:
        return _say(error.message, error.hint, error.exit_code)
    except ClusterError as error:
        return _say(str(error), error.hint, EXIT_MACHINE)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped; nothing was lost, run the same command again", "", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        return _say(f"this machine refused: {error}", "", EXIT_MACHINE)
    except Exception as error:
        return _misuse_or_bug(error)


def _misuse_or_bug(error: Exception) -> int:
    """Wrong options are the user's; anything else is a bug and shows its traceback."""
    show = getattr(error, "show", None)
    if show is not None and hasattr(error, "exit_code"):
        show()
        if _may_be_a_folder(error):
            sys.stderr.write("To grade a folder, name it with --submission FOLDER or -s FOLDER.\n")
        return EXIT_USAGE
    raise error


def _may_be_a_folder(error: Exception) -> bool:
    """Whether the command takes a submission, and got an argument too many instead."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    options = {name for param in getattr(command, "params", ()) for name in param.opts}
    return "--submission" in options and "extra argument" in str(error)


def _say(message: str, hint: str, code: int) -> int:
    console = err()
    console.print(f"mlk8s: {message}", markup=False, highlight=False, soft_wrap=True)
    if hint:
        console.print(f"       {hint}", markup=False, highlight=False, soft_wrap=True)
    return code
