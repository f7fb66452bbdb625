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
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.paths import file_stem, make_dir, write_whole
from grader.errors import GraderError, MachineError, UsageError
from grader.grading.grade import SUFFIX
from grader.model.lab import Lab
from grader.model.recording import Recording
from grader.model.result import Result
from grader.report.words import harmless


@dataclass(frozen=True)
class Desk:
    """Where one class's work on one lab is kept."""

    root: Path

    def prepare(self, lab: Lab) -> None:
        """Make the folder; better said now than when all has been played.

        UsageError where it holds the class of another lab, MachineError where nothing can be
        written to it.
        """
        make_dir(self.root / "recordings")
        other = self._lab_of_class()
        if other not in ("", lab.id):
            raise UsageError(
                f"{self.root} holds a class of lab {other}", "Name another folder with --out."
            )
        try:
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise MachineError(
                f"Nothing can be written to {self.root}: {error.strerror or error}.",
                "Name another folder with --out.",
            ) from error

    def _lab_of_class(self) -> str:
        try:
            whole = json.loads((self.root / "class.json").read_text(encoding="utf-8"))
            return str(whole[0]["lab"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def recording_path(self, name: str) -> Path:
        """Where the recording of this learner is, or will be."""
        return self.root / "recordings" / f"{file_stem(name)}{SUFFIX}"

    def recorded(self, name: str, digest: str, lab: str, where: str = "auto") -> Recording | None:
        """A complete recording of exactly these files in this lab, or None.

        `where` is the cluster that was asked for; with `auto` any will do.
        """
        from grader.model.recording_file import read_recording

        path = self.recording_path(name)
        if not path.is_file():
            return None
        try:
            recording = read_recording(path)
        except GraderError:
            return None
        fits = recording.complete and recording.submission_digest == digest
        fits = fits and recording.lab == lab and where in ("auto", recording.provider)
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
            stem = file_stem(result.submission)
            write_whole(self.root / "results" / f"{stem}.json", text)
            page = result_page(
                result, lab.file.title, back="../index.html", picture=picture_of(result)
            )
            write_whole(self.root / "reports" / f"{stem}.html", page)
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
                harmless(result.submission),
                f"{result.score:g}" if result.complete else "",
                f"{result.provable_max:g}",
                f"{result.max_score - result.provable_max:g}",
                "yes" if result.complete else "no",
                "yes" if result.passed else "no",
                *(status.get(check, "") for check in checks),
            ]
        )
    return text.getvalue()
