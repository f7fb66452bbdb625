"""The grader: load -> observe -> judge -> report. What lab authors use is here.

The names are found when they are first asked for, so that importing one step of the grader does
not bring in the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.judge.check import check
    from grader.judge.language.expectation import expect, note
    from grader.model.quantity import Quantity, quantity

__version__ = "0.1.0"

__all__ = ["Quantity", "__version__", "check", "expect", "note", "quantity"]

_HOMES = {
    "Quantity": "grader.model.quantity",
    "quantity": "grader.model.quantity",
    "check": "grader.judge.check",
    "expect": "grader.judge.language.expectation",
    "note": "grader.judge.language.expectation",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'grader' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
