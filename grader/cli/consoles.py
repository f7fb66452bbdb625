"""The two consoles. Both honour NO_COLOR and FORCE_COLOR, as rich does."""

from __future__ import annotations

import re
from functools import cache

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

_MOVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Harmless:
    """A renderable without characters that a terminal would obey: texts come from learners."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            if segment.control is None and _MOVES.search(segment.text):
                yield Segment(_MOVES.sub("\ufffd", segment.text), segment.style)
            else:
                yield segment

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._inner)


class _Guard(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Harmless(renderable) for renderable in renderables]


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    console.push_render_hook(_Guard())
    return console


@cache
def out() -> Console:
    """For results."""
    return _console()


@cache
def err() -> Console:
    """For progress, questions and errors, so that results can be piped."""
    return _console(stderr=True)
