"""Progress of slow work: one line for each action, a bar where a fraction is known."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from cluster.model import ProgressEvent

EVERY = 20.0
"""Seconds between two signs of life where output is no terminal."""


class _Sign(SpinnerColumn):
    """A spinner that becomes a cross where an action failed."""

    def render(self, task: Task) -> RenderableType:
        return Text("✘", style="yellow") if task.fields.get("failed") else super().render(task)


class ProgressView:
    """Shows ProgressEvents; use as a context manager and pass the object as the callback.

    On a terminal it is live; elsewhere each action prints one line when it ends, so that logs stay
    readable.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._said = time.monotonic()
        self._progress = Progress(
            _Sign(finished_text="[green]✔[/green]"),
            TextColumn("{task.description}", table_column=Column(min_width=28, no_wrap=True)),
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn(
                "{task.fields[detail]}",
                style="dim",
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            transient=False,
        )

    def __enter__(self) -> ProgressView:
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._live:
            self._progress.stop()

    def __call__(self, event: ProgressEvent) -> None:
        """Take one event."""
        if self._live:
            self._draw(event)
        elif event.state in ("done", "failed"):
            self._print(event)
        else:
            self._began.setdefault(event.action, time.monotonic())
            self._say_now_and_then(event)

    def _draw(self, event: ProgressEvent) -> None:
        task = self._tasks.get(event.action)
        if task is None:
            task = self._progress.add_task(event.action, total=None, detail="")
            self._tasks[event.action] = task
        detail = " ".join(filter(None, (event.detail, _about(event.remaining))))
        if event.state == "done":
            self._progress.update(task, total=1, completed=1, detail=event.detail)
        elif event.state == "failed":
            self._progress.update(task, detail=event.detail, failed=True)
            self._progress.stop_task(task)
        elif event.fraction is not None:
            self._progress.update(task, total=1, completed=event.fraction, detail=detail)
        else:
            self._progress.update(task, detail=detail)

    def _say_now_and_then(self, event: ProgressEvent) -> None:
        """Long work must not look dead in a log, nor fill it."""
        if event.fraction is None or time.monotonic() - self._said < EVERY:
            return
        self._said = time.monotonic()
        words = f"… {event.action}  {event.fraction:.0%}"
        left = _about(event.remaining)
        self._console.print(f"{words}, {left}" if left else words, markup=False, highlight=False)

    def _print(self, event: ProgressEvent) -> None:
        began = self._began.pop(event.action, None)
        took = f"  {time.monotonic() - began:.1f} s" if began is not None else ""
        mark = "✔" if event.state == "done" else "✘"
        detail = f"  {event.detail}" if event.detail else ""
        self._console.print(f"{mark} {event.action}{detail}{took}", markup=False, highlight=False)


def _about(seconds: float | None) -> str:
    """An estimate in words that do not promise more than it knows."""
    if seconds is None:
        return ""
    if seconds < 50:
        return f"about {max(5, round(seconds / 5) * 5)} s left"
    return f"about {max(1, round(seconds / 60))} min left"
