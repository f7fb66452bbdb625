"""What a YAML parser complains about, said so that a learner knows what to change."""

from __future__ import annotations

import re
from typing import Any

from grader.errors import SubmissionError
from grader.load.limits import MAX_DEPTH

_TAB_INDENT = re.compile(r"[ ]*\t")
_OPENED = {
    "while scanning a quoted scalar": "A quote is opened here and never closed.",
    "while scanning a simple key": 'This line has no colon after its name, as in "name: value".',
    "while parsing a flow mapping": "A { is opened here, and a comma or the closing } is missing.",
    "while parsing a flow sequence": "A [ is opened here, and a comma or the closing ] is missing.",
}
_SENTENCES = (
    # libyaml 0.2.6 has a limit of its own and meets it before the composer meets ours.
    ("exceeded maximum nesting depth", f"Nested deeper than {MAX_DEPTH} levels.", ""),
    (
        "mapping values are not allowed",
        "A colon stands where no new field can begin.",
        "Check the indentation of this line and the one above; "
        'a value that contains ": " needs quotes.',
    ),
    (
        "did not find expected key",
        "This line does not line up with the fields above it.",
        "Fields of one mapping begin in the same column.",
    ),
    (
        "did not find expected '-' indicator",
        "This line is not an item of the list above it, nor a field beside it.",
        "Items of one list begin with - in the same column.",
    ),
    (
        "expected <block end>",
        "This line does not line up with the fields above it.",
        "Fields of one mapping, and items of one list, begin in the same column.",
    ),
    (
        "block sequence entries are not allowed",
        "A list's - cannot begin here.",
        "Put the first item on a line of its own, below the field's name.",
    ),
    (
        "block mapping",
        "A field cannot begin here.",
        "Put it on a line of its own, indented as its neighbours are.",
    ),
    (
        "cannot start any token",
        "A value cannot begin with this character.",
        'Put the value in quotes: "@example", "%x", "`x`".',
    ),
    (
        "did not find expected node content",
        "A value is missing here.",
        "Look for a [ or { above that is not closed, or a comma too many.",
    ),
    (
        "unknown escape character",
        "A backslash in double quotes begins an escape that does not exist.",
        "Write \\\\ for one backslash, or use single quotes.",
    ),
    (
        "undefined tag handle",
        "A value cannot begin with ! here.",
        "Put the value in quotes.",
    ),
    (
        "did not find expected alphabetic or numeric character",
        "A bare * or & begins an alias or an anchor in YAML.",
        "Put the value in quotes if it is meant as text.",
    ),
    (
        "control characters are not allowed",
        "The file holds a character that YAML does not allow.",
        "It was probably copied from elsewhere; type the line again.",
    ),
)


def explain_yaml_error(error: Any, text: str, file: str, first_line: int = 0) -> SubmissionError:
    """The SubmissionError for a PyYAML error, with file and line and what to do about it."""
    mark = getattr(error, "problem_mark", None)
    context_mark = getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = str(getattr(error, "context", None) or "")
    lines = text.splitlines()
    line = mark.line if mark is not None else _line_of_position(error, text)
    tab = _tab_line(lines, line, context_mark.line if context_mark is not None else line)
    if tab is not None:
        return _error(
            "The line is indented with a tab; YAML allows only spaces.",
            "Replace the tab by two spaces, and set your editor to insert spaces.",
            file,
            tab + first_line,
        )
    if context in _OPENED and context_mark is not None:
        return _error(_OPENED[context], "", file, context_mark.line + first_line)
    for part, sentence, hint in _SENTENCES:
        if part in problem or part in context:
            return _error(sentence, hint, file, line + first_line)
    return _error(f"This is not valid YAML: {problem}.", "", file, line + first_line)


def _error(sentence: str, hint: str, file: str, line: int) -> SubmissionError:
    return SubmissionError(sentence, hint, f"{file}:{line + 1}")


def _tab_line(lines: list[str], line: int, since: int) -> int | None:
    """The first line from `since` to `line` (or the one after it) that begins with a tab."""
    for number in range(max(0, min(since, line)), min(line + 1, len(lines))):
        if _TAB_INDENT.match(lines[number]):
            return number
    return None


def _line_of_position(error: Any, text: str) -> int:
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) if isinstance(position, int) else 0
