"""What every report calls the statuses of a check: at a terminal, in a page, in a notebook."""

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
