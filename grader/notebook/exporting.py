"""nbgrader's export of grades, in which what has no verdict is no zero.

nbgrader writes 0.0 for a hand-in that it could not grade at all, because a file was damaged or the
cluster failed. An empty cell there is a question to the instructor, and a later run answers it.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

from grader.report.words import harmless

COLUMNS = (
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
)
"""Those of nbgrader's own export."""


class Grades(ExportPlugin):  # type: ignore[misc]
    """Writes grades.csv (or `--to`) in nbgrader's form; `--student` and `--assignment` choose."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the file."""
        target = Path(self.to or "grades.csv")
        self.log.info("Exporting grades to %s", target)
        with target.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
            rows.writeheader()
            for assignment in gradebook.assignments:
                for student in gradebook.students:
                    if self._is_wanted(assignment.name, student.id):
                        row = _row(gradebook, assignment, student)
                        rows.writerow({name: harmless(value) for name, value in row.items()})

    def _is_wanted(self, assignment: str, student: str) -> bool:
        assignments, students = map(str, self.assignment), map(str, self.student)
        return (not self.assignment or assignment in assignments) and (
            not self.student or student in students
        )


def _row(gradebook: Gradebook, assignment: Any, student: Any) -> dict[str, str]:
    row = {
        "assignment": assignment.name,
        "duedate": assignment.duedate,
        "student_id": student.id,
        "last_name": student.last_name,
        "first_name": student.first_name,
        "email": student.email,
        "max_score": assignment.max_score,
    }
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:  # nothing was handed in, which is a zero
        row |= {"raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
    else:
        penalty = submission.late_submission_penalty
        row["timestamp"] = submission.timestamp
        if _is_graded(submission):
            row["raw_score"] = submission.score
            row["late_submission_penalty"] = penalty
            row["score"] = max(0.0, submission.score - penalty)
    return {name: "" if value is None else str(value) for name, value in row.items()}


def _is_graded(submission: Any) -> bool:
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    return all(g.auto_score is not None or g.manual_score is not None for g in grades)
