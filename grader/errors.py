"""Every error that the grader raises on purpose, in one tree.

    GraderError
    ├── UsageError       exit 2: wrong use of a command; no such lab, no submission there
    ├── SubmissionError  exit 1: the files cannot be read at all; a bomb, binary, bad YAML
    ├── CourseError      exit 3: a lab, check or recording of the course itself is faulty
    └── MachineError     exit 3: the machine, disk or cluster failed; never a verdict

`CheckFailed` is not in the tree: it is a verdict, not an error (`grader.judge.failure`).
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_MACHINE = 3
EXIT_INTERRUPTED = 130


class GraderError(Exception):
    """Base: `message` is one sentence for a person, `hint` the next step or empty."""

    exit_code = EXIT_MACHINE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GraderError):
    """The command was used wrongly; nothing was graded."""

    exit_code = EXIT_USAGE


class SubmissionError(GraderError):
    """The learner's files cannot be read as manifests. `where` is `file:line` when known."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint)
        self.where = where


class CourseError(GraderError):
    """A lab, a check or a recording is faulty: the course's mistake, never the learner's."""


class MachineError(GraderError):
    """Disk, network, API server or process failed. Nobody loses a point; run it again."""
