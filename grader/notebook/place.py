"""Where a notebook is: its lab, the learner's folder, and the cluster that was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from grader.errors import GraderError, UsageError
from grader.model.lab import Lab

WORK = "MLK8S_WORK"
"""Environment variable naming the folder that holds one folder of manifests for each lab."""


class NotebookStop(Exception):
    """Ends a cell with one kind sentence in place of a traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """IPython shows this, and nothing else."""
        return list(filter(None, (self.message, self.hint)))


@dataclass(frozen=True)
class Desk:
    """One notebook's place: `work` holds the graded manifests, `drafts` those of experiments."""

    lab: Lab
    work: Path
    drafts: Path
    where: str


_desks: list[Desk] = []
"""The desk of this kernel, put there by `start`. A kernel runs one notebook, so there is one."""


def sit_down(lab: Lab, where: str) -> Desk:
    """Make the folders of this lab and remember them for the cells that follow.

    `auto` means simulated containers: experiments count on the servers that the lab declares.
    """
    root, where = work_root(), "embedded" if where == "auto" else where
    desk = Desk(lab, root / lab.id, root / "drafts" / lab.id, where)
    try:
        desk.work.mkdir(parents=True, exist_ok=True)
        desk.drafts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotebookStop(f"The folder {desk.work} cannot be made: {error.strerror}.") from error
    _desks[:] = [desk]
    return desk


def desk_of(name: str | None = None) -> Desk:
    """The desk that `start` made, or one for the lab that is named."""
    if name is not None and not (_desks and named(_desks[0].lab, name)):
        where = _desks[0].where if _desks else os.environ.get("MLK8S_CLUSTER", "embedded")
        lab = lab_named(name)
        root = work_root()
        return Desk(lab, root / lab.id, root / "drafts" / lab.id, where)
    if not _desks:
        raise NotebookStop(
            "This notebook has not been started yet.", 'Run its first cell, start("..."), first.'
        )
    return _desks[0]


def named(lab: Lab, name: str) -> bool:
    """Whether this lab is meant."""
    return name in (lab.number, lab.id, lab.slug)


def lab_named(name: str) -> Lab:
    """The lab, or a kind stop."""
    from grader.load.labs import find_lab

    try:
        return find_lab(name)
    except GraderError as error:
        raise stop(error) from error


def work_root() -> Path:
    """`MLK8S_WORK`, else the current folder where it is called work, else `work` below it."""
    chosen = os.environ.get(WORK)
    if chosen:
        return Path(chosen).expanduser().absolute()
    here = Path.cwd()
    return here if here.name == "work" else here / "work"


def shown_path(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def stop(error: GraderError | Exception) -> NotebookStop:
    """An error of the grader as a stop; its hint names commands of the command line."""
    message = getattr(error, "message", None) or str(error)
    hint = str(getattr(error, "hint", "") or "")
    if not isinstance(error, UsageError):
        hint = hint or "This is no verdict on your work. Run the cell again."
    return NotebookStop(_sentence(message), hint)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text[:1].upper()}{text[1:]}."
