"""`start`: the first cell of every notebook."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from html import escape
from importlib import import_module
from typing import Any

from cluster.model import ClusterStatus, ProgressEvent
from grader.errors import GraderError
from grader.notebook.html import Notice, Shown, displayer, in_ipython, marked, show
from grader.notebook.place import Desk, lab_named, shown_path, sit_down, stop
from grader.notebook.words import simulated_words

CLUSTER = "MLK8S_CLUSTER"
"""Environment variable naming the cluster where a notebook does not."""
EVERY = 0.2
"""Seconds between two updates of a running line."""


def start(lab: str, cluster: str | None = None) -> None:
    """Bring the cluster up, prepare the learner's folder of this lab, add %%manifest and %%draft.

    `cluster` is auto, embedded, kind or context:NAME; where nothing is said, what the environment
    variable MLK8S_CLUSTER says, else auto. With `none`, files only are judged. The first time on a
    machine the programs of the control plane are fetched or built; later it takes seconds, and
    nothing if it runs.
    """
    desk = sit_down(lab_named(lab), cluster or os.environ.get(CLUSTER) or "auto")
    if in_ipython():
        from grader.notebook.magics import add_magics

        shell: Any = import_module("IPython").get_ipython()
        add_magics(shell)
    if desk.where == "none":
        show(Notice("No cluster is used: `check` judges your files alone."))
        return
    with ProgressPane("Preparing the cluster") as pane:
        status = _bring_up(desk, pane)
    show(_Ready(desk, status))


def _bring_up(desk: Desk, pane: ProgressPane) -> ClusterStatus:
    """The shared cluster; for labs that change nodes, a fresh one that is made and removed, so
    that whatever could be missing is found now."""
    from grader.grading.where import cluster_for

    try:
        with cluster_for(desk.lab, desk.where, pane) as status:
            return status
    except GraderError as error:
        raise stop(error) from error


class ProgressPane(Shown):
    """A list of actions that is updated in place. Pass it as a Progress; use it as a context."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._lines: dict[str, ProgressEvent] = {}
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._handle: Any = None
        self._outcome: Shown | None = None
        self._lock = threading.Lock()
        self._drawn = 0.0

    def __enter__(self) -> ProgressPane:
        if in_ipython():
            self._handle = displayer()(self, display_id=True)
        return self

    def __exit__(self, *failure: object) -> None:
        self._draw()

    def __call__(self, event: ProgressEvent) -> None:
        """Take one event."""
        with self._lock if self._handle else nullcontext():
            now = time.monotonic()
            self._began.setdefault(event.action, now)
            self._lines[event.action] = event
            ended = event.state in ("done", "failed")
            if ended:
                self._took[event.action] = now - self._began[event.action]
            if ended or now - self._drawn > EVERY:
                self._drawn = now
                self._draw()

    def close(self, outcome: Shown | None = None) -> None:
        """All went well: `outcome`, if any, takes the place of the lines."""
        self._title, self._lines, self._outcome = "", {}, outcome

    def _draw(self) -> None:
        if self._handle is not None:
            self._handle.update(self)

    def html(self) -> str:
        """One line for each action; once it is closed, what came of it."""
        if not self._title:
            return self._outcome.html() if self._outcome else ""
        rows = "".join(self._line(action, event) for action, event in self._lines.items())
        return f'<div class="soft"><p>{escape(self._title)}</p><table>{rows}</table></div>'

    def _line(self, action: str, event: ProgressEvent) -> str:
        mark = {"done": '<span class="ok">✔</span>', "failed": '<span class="bad">✘</span>'}
        took = f"{self._took[action]:.1f} s" if action in self._took else ""
        part = f"{event.fraction:.0%}" if event.fraction is not None and not took else ""
        return (
            f"<tr><td>{mark.get(event.state, '…')}</td><td>{escape(action)}</td>"
            f'<td class="num">{took or part}</td><td>{escape(event.detail)}</td></tr>'
        )

    def text(self) -> str:
        """The same lines."""
        if not self._title:
            return self._outcome.text() if self._outcome else ""
        lines = [self._title]
        for action, event in self._lines.items():
            took = f"  {self._took[action]:.1f} s" if action in self._took else ""
            lines.append(f"  {action}{took}  {event.detail}".rstrip())
        return "\n".join(lines)


class _Ready(Shown):
    """What is there now."""

    def __init__(self, desk: Desk, status: ClusterStatus) -> None:
        self._desk = desk
        self._status = status

    def _sentences(self) -> list[str]:
        lab, status = self._desk.lab, self._status
        version = (status.kubernetes_version or "").removeprefix("v")
        nodes = ", ".join(status.nodes)
        if lab.file.isolation == "cluster":
            there = (
                f"Every run of lab {lab.number} gets a fresh cluster: Kubernetes {version} "
                f"({status.provider}), nodes {nodes}."
            )
        else:
            there = f"Kubernetes {version} is running ({status.provider}), nodes {nodes}."
        folder = shown_path(self._desk.work)
        return [there, simulated_words(status.capabilities), f"Your manifests go to `{folder}`."]

    def html(self) -> str:
        """Three sentences."""
        first, *rest = self._sentences()
        lines = "".join(f'<p class="soft">{marked(line)}</p>' for line in rest if line)
        return (
            f'<div class="box good"><p><span class="ok">✔</span> {escape(first)}</p>{lines}</div>'
        )

    def text(self) -> str:
        """Three sentences."""
        return "\n".join(filter(None, self._sentences()))
