"""What every report calls the statuses of a check: at a terminal, in a page, in a notebook; and
text that is only text in a table for a spreadsheet."""

from __future__ import annotations

from grader.model.result import Status

STATUS_WORDS: dict[Status, tuple[str, str]] = {
    "passed": ("✔", "passed"),
    "failed": ("✘", "failed"),
    "blocked": ("⊘", "blocked"),
    "not_provable": ("○", "not provable here"),
    "error": ("!", "grader error"),
}
"""Status -> a symbol that is not told by colour alone, and a few words."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


def harmless(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
