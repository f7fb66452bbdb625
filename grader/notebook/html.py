"""Small building blocks for what is shown: HTML that follows the theme, and plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

Cell = Any
"""A table's cell: anything with a short `str`."""


@cache
def style() -> str:
    """The style sheet, without comments and needless blanks: every output carries it."""
    from grader.report.timeline.style import DARK, LIGHT

    sheet = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"\s*([{};:,])\s*", r"\1", re.sub(r"\s+", " ", sheet)).strip()
    # A picture follows the system's light or dark; in JupyterLab the page's theme counts.
    for light, colours in (("true", LIGHT), ("false", DARK)):
        values = ";".join(f"--{name}:{value}" for name, value in colours.items())
        sheet += f'[data-jp-theme-light="{light}"] .mlk8s-timeline{{{values}}}'
    return sheet


class Shown:
    """Something to look at: HTML in Jupyter, plain text everywhere else."""

    def html(self) -> str:
        """The inside of the HTML, without the frame."""
        raise NotImplementedError

    def text(self) -> str:
        """The same for a terminal."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return frame(self.html())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        return {"text/html": self._repr_html_(), "text/plain": self.text()}

    def __repr__(self) -> str:
        return self.text()


class Notice(Shown):
    """A sentence or two, and what to do next. `tone` is good, fail, ask or empty."""

    def __init__(self, message: str, hint: str = "", tone: str = "") -> None:
        self.message = message
        self.hint = hint
        self.tone = tone

    def html(self) -> str:
        """A box."""
        hint = f'<p class="soft">{marked(self.hint)}</p>' if self.hint else ""
        return f'<div class="box {self.tone}"><p>{marked(self.message)}</p>{hint}</div>'

    def text(self) -> str:
        """The sentences, one a line."""
        return "\n".join(filter(None, (self.message, self.hint)))


class Table(Shown):
    """Rows under headings. Columns whose values are all numbers are set to the right."""

    def __init__(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        note: str = "",
        title: str = "",
    ) -> None:
        self.headings = list(headings)
        self.rows = [[_plain(cell) for cell in row] for row in rows]
        self.note = note
        self.title = title
        self._right = [
            bool(self.rows) and all(_is_number(row[place]) for row in self.rows)
            for place in range(len(self.headings))
        ]

    def html(self) -> str:
        """A table, its note below."""
        heads = "".join(
            f'<th class="num">{escape(head)}</th>' if right else f"<th>{escape(head)}</th>"
            for head, right in zip(self.headings, self._right, strict=True)
        )
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self.rows)
        if not self.rows:
            body = f'<tr><td class="soft" colspan="{len(self.headings)}">nothing was seen</td></tr>'
        title = f'<p class="head">{escape(self.title)}</p>' if self.title else ""
        note = f'<p class="soft">{escape(self.note)}</p>' if self.note else ""
        return f"{title}<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{note}"

    def _row(self, row: Sequence[str]) -> str:
        return "".join(
            f'<td class="num">{escape(cell)}</td>'
            if right
            else f"<td{_tight(cell)}>{escape(cell)}</td>"
            for cell, right in zip(row, self._right, strict=True)
        )

    def text(self) -> str:
        """Columns of equal width."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        grid = RichTable(box=box.SIMPLE_HEAD, title=self.title or None, title_justify="left")
        for head, right in zip(self.headings, self._right, strict=True):
            grid.add_column(head, justify="right" if right else "left")
        for row in self.rows:
            grid.add_row(*(Text(cell) for cell in row))
        return "\n".join(filter(None, (to_text(grid), self.note)))


class Picture(Shown):
    """An SVG with a text that says the same."""

    def __init__(self, svg: str, text: str) -> None:
        self.svg = svg
        self._text = text

    def html(self) -> str:
        """The picture itself."""
        return self.svg

    def text(self) -> str:
        """The text that stands for it."""
        return self._text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        # As HTML only: a second picture of type image/svg+xml would show its own, unthemed frame.
        return {"text/html": self._repr_html_(), "text/plain": self.text()}


def frame(inside: str) -> str:
    """The HTML with its style; every output brings its own, as outputs are cleared one by one."""
    if not inside:
        return ""
    return f'<style>{style()}</style><div class="mlk8s">{inside}</div>'


def marked(text: str) -> str:
    """Escaped text whose `back-quoted` words are set as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(
        f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)
    )


def to_text(renderable: Any, width: int = 100) -> str:
    """What rich draws, as plain text without trailing blanks."""
    from rich.console import Console

    sink = StringIO()
    # No terminal, whatever FORCE_COLOR says to a kernel: this text is kept in notebooks.
    console = Console(
        file=sink,
        width=width,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        highlight=False,
    )
    console.print(renderable)
    return "\n".join(line.rstrip() for line in sink.getvalue().splitlines()).strip("\n")


def show(*things: Shown) -> None:
    """Display in IPython; print elsewhere."""
    if in_ipython():
        displayer()(*things)
        return
    for thing in things:
        print(thing.text())


def displayer() -> Any:
    """IPython's `display`; imported by name, so that nothing here needs IPython to be installed."""
    return import_module("IPython.display").display


def in_ipython() -> bool:
    """Whether an IPython shell runs this code. Imports nothing where none does."""
    import sys

    module = sys.modules.get("IPython")
    return module is not None and module.get_ipython() is not None


def _plain(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.1f}"
    return "" if cell is None else str(cell)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


def _tight(cell: str) -> str:
    return ' class="tight"' if len(cell) <= 36 else ""
