"""What a notebook of the course imports: it works with and without Jupyter.

    from grader.notebook import check, experiment, predict, progress, start

    start("02")                       # the cluster, the learner's folder, %%manifest and %%draft
    run = experiment("ranker.yaml")   # plays steps on the cluster; evidence, events, timeline
    check("02")                       # the lab's verdict

Everything shown has HTML for Jupyter and plain text for everything else. The names are found when
they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.notebook.asking import ask, quiz
    from grader.notebook.begin import start
    from grader.notebook.experiments import Experiment, experiment
    from grader.notebook.predictions import predict
    from grader.notebook.standing import progress
    from grader.notebook.verdict import check

__all__ = ["Experiment", "ask", "check", "experiment", "predict", "progress", "quiz", "start"]

_HOMES = {
    "start": "begin",
    "experiment": "experiments",
    "Experiment": "experiments",
    "predict": "predictions",
    "progress": "standing",
    "check": "verdict",
    "ask": "asking",
    "quiz": "asking",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext grader.notebook` adds the magics; `start()` does it too."""
    from grader.notebook.magics import add_magics

    add_magics(shell)
