"""The two consoles. Both honour NO_COLOR and FORCE_COLOR, as rich does."""

from __future__ import annotations

from functools import cache

from rich.console import Console


@cache
def out() -> Console:
    """For results."""
    return Console(highlight=False)


@cache
def err() -> Console:
    """For progress, questions and errors, so that results can be piped."""
    return Console(stderr=True, highlight=False)
