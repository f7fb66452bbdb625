"""The folder of a graded class: recordings, results, gradebook and pages.

    OUT/recordings/ada.mlk8s-recording   what happened with Ada's files
    OUT/results/ada.json                 the verdict, as `check --json` prints it
    OUT/reports/ada.html                 the same for reading
    OUT/grades.csv, OUT/class.json, OUT/index.html

Every file is written whole or not at all, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.paths import make_dir, write_whole
from grader.errors import GraderError
from grader.grading.grade import SUFFIX
from grader.model.lab import Lab
from grader.model.recording import Recording
from grader.model.result import Result

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


@dataclass(frozen=True)
class Desk:
    """Where one class's work on one lab is kept."""

    root: Path

    def recording_path(self, name: str) -> Path:
        """Where the recording of this learner is, or will be."""
        return self.root / "recordings" / f"{name}{SUFFIX}"

    def recorded(self, name: str, digest: str) -> Recording | None:
        """A complete recording of exactly these files, or None."""
        from grader.model.recording_file import read_recording

        path = self.recording_path(name)
        if not path.is_file():
            return None
        try:
            recording = read_recording(path)
        except GraderError:
            return None
        fits = recording.complete and recording.submission_digest == digest
        return recording if fits else None

    def keep_recording(self, recording: Recording, name: str) -> Path:
        """Write a recording; returns its path."""
        from grader.model.recording_file import write_recording

        path = self.recording_path(name)
        make_dir(path.parent)
        write_recording(recording, path)
        return path

    def keep_results(self, lab: Lab, results: list[Result]) -> None:
        """Write each result, the gradebook, and the pages."""
        from grader.report.page import class_page, picture_of, result_page

        for folder in ("results", "reports"):
            make_dir(self.root / folder)
        for result in results:
            text = result.model_dump_json(indent=2) + "\n"
            write_whole(self.root / "results" / f"{result.submission}.json", text)
            page = result_page(
                result, lab.file.title, back="../index.html", picture=picture_of(result)
            )
            write_whole(self.root / "reports" / f"{result.submission}.html", page)
        write_whole(self.root / "grades.csv", gradebook(results))
        whole = [result.model_dump() for result in results]
        write_whole(self.root / "class.json", json.dumps(whole, indent=1) + "\n")
        write_whole(self.root / "index.html", class_page(results, lab.id, lab.file.title))


def gradebook(results: Iterable[Result]) -> str:
    """One row for each learner: points, and the status of each check.

    A run that a fault of the machine broke off has no score: an empty cell is no zero.
    """
    rows = list(results)
    checks = [check.id for check in max(rows, key=lambda r: len(r.checks)).checks] if rows else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["learner", "score", "of", "not provable", "complete", "passed", *checks])
    for result in rows:
        status = {check.id: check.status for check in result.checks}
        writer.writerow(
            [
                _harmless(result.submission),
                f"{result.score:g}" if result.complete else "",
                f"{result.provable_max:g}",
                f"{result.max_score - result.provable_max:g}",
                "yes" if result.complete else "no",
                "yes" if result.passed else "no",
                *(status.get(check, "") for check in checks),
            ]
        )
    return text.getvalue()


def _harmless(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
