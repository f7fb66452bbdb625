"""nbgrader with the course's notebooks: what is released, and how hand-ins are graded.

Two preprocessors go into nbgrader's own commands; `configure` puts them there. Hand-ins are graded
without running a learner's code: their manifest cells are text, and the only cells that run are
the instructor's own, from nbgrader's database, in a folder and kernel of their own.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat import v4
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from nbgrader.nbgraderformat.common import SchemaMismatchError
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    IgnorePattern,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
    SaveCells,
)
from traitlets import Unicode

from grader.errors import GraderError
from grader.judge.survey import HERE, provable_points
from grader.load.cells import NAME
from grader.load.labs import find_lab
from grader.load.limits import MAX_FILES
from grader.notebook import source
from grader.notebook.asking import FOLDER, SUFFIX
from grader.notebook.place import WORK

TIMEOUT = 900
"""Seconds that one cell may take: a verdict, on a machine that grades a class."""


class ReleaseStarters(NbGraderPreprocessor):  # type: ignore[misc]
    """Starter files where the reference was, and the points that this cluster can prove.

    Goes after ClearSolutions, which has taken the reference out already.
    """

    cluster = Unicode("embedded", help="Where hand-ins will be graded.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Change the notebook in place."""
        for cell in nb.cells:
            lab = lab_of(cell)
            if lab is None:
                continue
            if "answer" in source.tags(cell):
                cell.source = source.released_answer(cell, lab)
            elif cell.metadata.nbgrader.get("grade"):
                cell.metadata.nbgrader.points = provable_points(lab, self.cluster)
        return nb, resources


class ForgetCopies(NbGraderPreprocessor):  # type: ignore[misc]
    """Takes nbgrader's metadata from copies of a cell, and where it is broken or of another year.

    Takes the place of nbgrader's DeduplicateIds, which leaves half of it: then nbgrader stops, and
    grades nobody who comes after the learner that copied a cell. The last copy is the one that
    counts; what is missing then, GiveBackCells puts back.
    """

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Change the notebook in place."""
        validator = MetadataValidator()
        seen: set[str] = set()
        for cell in reversed(nb.cells):
            if "nbgrader" not in cell.metadata:
                continue
            try:
                validator.validate_cell(cell)
                grade_id = str(cell.metadata.nbgrader["grade_id"])
                sound = grade_id not in seen
            except (ValidationError, SchemaMismatchError, AttributeError, KeyError, TypeError):
                grade_id, sound = "", False
            if sound:
                seen.add(grade_id)
            else:
                self.log.warning("A copied or broken cell is graded as the learner's own.")
                del cell.metadata["nbgrader"]
        return nb, resources


class GiveBackCells(OverwriteCells):  # type: ignore[misc]
    """OverwriteCells that adds graded cells which are missing at the end: nbgrader's own looks for
    the cell before each, and fails where that has gone as well."""

    def add_missing_grade_cells(self, nb: Any, resources: Any) -> Any:
        """Change the notebook in place."""
        notebook = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
        solutions = {cell.name for cell in notebook.solution_cells}
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
        for cell in notebook.source_cells:
            if cell.name in points and cell.name not in there:
                self.log.warning("The graded cell %s is missing; it is given back.", cell.name)
                both = cell.name in solutions
                nb.cells.append(self.missing_cell_transform(cell, points[cell.name], both))
        return nb, resources


class GradeManifests(NbGraderPreprocessor):  # type: ignore[misc]
    """Takes the place of nbgrader's Execute: grades what the manifest cells say.

    Raises RuntimeError, so that nbgrader reports a hand-in it could not grade, when the grader or
    the cluster fails: that is never a zero.
    """

    cluster = Unicode("embedded", help="auto, embedded, kind or none.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Run the instructor's cells over the learner's manifests, and take their outputs over."""
        trusted = list(_instructors_cells(resources["nbgrader"]))
        with tempfile.TemporaryDirectory(prefix="mlk8s-hand-in-") as folder:
            for lab_id in {lab.id for lab in map(_lab_of_id, trusted) if lab}:
                self._write(source.manifests(nb), Path(folder) / "work" / lab_id)
            answers = ((f"{name}{SUFFIX}", text) for name, text in source.answers(nb))
            self._write(answers, Path(folder) / "work" / FOLDER)
            outputs = self._run(trusted, Path(folder))
        for cell in nb.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if cell.cell_type == "code" and grade_id in outputs:
                cell.outputs = outputs[grade_id]
        return nb, resources

    def _write(self, files: Iterable[tuple[str, str]], folder: Path) -> None:
        folder.mkdir(parents=True)
        for number, (name, text) in enumerate(files):
            if number >= MAX_FILES or not NAME.fullmatch(name):
                self.log.warning("A file called %r is left out.", name[:80])
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")

    def _run(self, trusted: list[Any], folder: Path) -> dict[str, list[Any]]:
        cells = [v4.new_code_cell(cell.source) for cell in trusted]
        notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": source.KERNEL})
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            allow_errors=True,
            resources={"metadata": {"path": str(folder)}},
        )
        environment = {
            **os.environ,
            WORK: str(folder / "work"),
            "MLK8S_CLUSTER": self.cluster,
            "NBGRADER_EXECUTION": "autograde",
        }
        client.execute(env=environment)
        return {
            cell.name: _checked(cell, ran.outputs, self.log)
            for cell, ran in zip(trusted, cells, strict=True)
        }


def configure(c: Any, cluster: str = "embedded") -> None:
    """Put both preprocessors into nbgrader's commands. `c` is what get_config() returns.

    `cluster` says where hand-ins are graded, and so which points an assignment has: those that
    this cluster can prove.
    """
    if cluster not in HERE:
        raise ValueError(f"cluster is one of {', '.join(HERE)}, not {cluster!r}")
    c.ReleaseStarters.cluster = cluster
    c.GradeManifests.cluster = cluster
    c.ClearSolutions.code_stub = {"python": source.STUB}
    c.GenerateAssignment.preprocessors = [
        IncludeHeaderFooter,
        LockCells,
        ClearSolutions,
        ReleaseStarters,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        SaveCells,
        ClearHiddenTests,
        ClearMarkScheme,
        ComputeChecksums,
        CheckCellMetadata,
    ]
    # A graded cell that a learner deleted is graded like any other: what counts are the manifests.
    c.OverwriteCells.add_missing_cells = True
    c.ExportApp.plugin_class = "grader.notebook.exporting.Grades"
    c.Autograde.sanitize_preprocessors = [
        ClearOutput,
        ForgetCopies,
        OverwriteKernelspec,
        GiveBackCells,
        CheckCellMetadata,
    ]
    c.Autograde.autograde_preprocessors = [
        GradeManifests,
        IgnorePattern,
        ClearMetadataPreprocessor,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]


def lab_of(cell: Any) -> Any:
    """The lab that a cell with nbgrader's metadata belongs to, or None for other cells."""
    return _lab_of_name(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _lab_of_id(cell: Any) -> Any:
    return _lab_of_name(cell.name)


def _lab_of_name(grade_id: str) -> Any:
    try:
        return find_lab(source.lab_number(grade_id)) if source.lab_number(grade_id) else None
    except GraderError:
        return None


def _instructors_cells(where: Any) -> Iterable[Any]:
    """The locked code cells as the instructor wrote them, in order, from nbgrader's database."""
    with Gradebook(where["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(where["notebook"], where["assignment"])
        for cell in notebook.source_cells:
            if cell.locked and cell.cell_type == "code":
                yield _Cell(cell.name, cell.source, cell.name in _graded(notebook))


def _graded(notebook: Any) -> set[str]:
    return {cell.name for cell in notebook.grade_cells}


class _Cell:
    """A cell outside of the database's session."""

    def __init__(self, name: str, text: str, graded: bool) -> None:
        self.name = name
        self.source = text
        self.graded = graded


def _checked(cell: _Cell, outputs: list[Any], log: logging.Logger) -> list[Any]:
    """The outputs, fit for nbgrader: it reads anything on stderr as a zero, and silence as full
    marks. What is no verdict must reach nobody as a grade."""
    kept = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            log.warning("stderr of %s: %s", cell.name, output.text)
            continue
        if output.output_type == "error" and output.ename == "NotebookStop":
            raise RuntimeError(f"{cell.name} could not be graded: {output.evalue}")
        kept.append(output)
    kinds = [output.output_type for output in kept]
    if cell.graded and "execute_result" not in kinds and "error" not in kinds:
        raise RuntimeError(f"{cell.name} could not be graded: it ended without points")
    return kept
