"""Observe: play a lab's scenario on a real API server and record all that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.observe.live import observe_live
    from grader.observe.play import Interrupted, observe
    from grader.observe.session import Session

__all__ = ["Interrupted", "Session", "observe", "observe_live"]

_WHERE = {
    "Interrupted": "play",
    "Session": "session",
    "observe": "play",
    "observe_live": "live",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the client and its TLS take longer to load than files to judge."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
