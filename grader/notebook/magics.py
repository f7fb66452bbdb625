"""`%%manifest` and `%%draft`: a cell that is a manifest, saved and validated at once."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from grader.errors import SubmissionError
from grader.load.cells import NAME
from grader.model.manifest import Manifest, Problem, SourceFile
from grader.notebook.html import Shown, show
from grader.notebook.place import Desk, NotebookStop, desk_of, shown_path

KEPT = ".kept"
"""Folder beside the manifests for files that a cell would have overwritten unseen."""


class Saved(Shown):
    """What a manifest cell wrote, and what is wrong with it."""

    def __init__(
        self,
        path: Path,
        manifests: tuple[Manifest, ...],
        problems: tuple[str, ...],
        kept: Path | None,
    ) -> None:
        self.path = path
        self.manifests = manifests
        self.problems = problems
        self.kept = kept

    def _saved(self) -> str:
        names = ", ".join(str(manifest) for manifest in self.manifests)
        return f"{shown_path(self.path)}: {names}" if names else shown_path(self.path)

    def _kept(self) -> str:
        if self.kept is None:
            return ""
        return f"Another version was there; it is kept as {shown_path(self.kept)}."

    def html(self) -> str:
        """One line, or the problems with their lines."""
        kept = f'<p class="soft">{escape(self._kept())}</p>' if self.kept else ""
        saved = f"<code>{escape(self._saved())}</code>"
        if not self.problems:
            line = f'<p><span class="ok">✔</span> saved {saved}</p>'
            return f'<div class="box good">{line}{kept}</div>'
        rows = "".join(f"<p><code>{escape(problem)}</code></p>" for problem in self.problems)
        intro = f'<p><span class="wait">✎</span> saved {saved}, and one look at it shows:</p>'
        if len(self.problems) > 1:
            intro = intro.replace("shows:", f"shows {len(self.problems)} things:")
        return f'<div class="box fail">{intro}{rows}{kept}</div>'

    def text(self) -> str:
        """The same in lines."""
        lines = [f"saved {self._saved()}", *(f"  {problem}" for problem in self.problems)]
        return "\n".join([*lines, *filter(None, [self._kept()])])


def save(desk: Desk, name: str, text: str, draft: bool = False) -> Saved:
    """Write a manifest into the work folder (or the drafts) and read it as the grader does."""
    name = name.strip()
    if not NAME.fullmatch(name):
        magic = "%%draft" if draft else "%%manifest"
        raise NotebookStop(
            f"{name or 'Nothing'!r} is no name for a manifest.",
            f"For example: {magic} deployment.yaml",
        )
    folder = desk.drafts if draft else desk.work
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = text if text.endswith("\n") else f"{text}\n"
    kept = None if draft else _keep(path, body)
    path.write_text(body, encoding="utf-8")
    _remember(folder, name, body)
    manifests, problems = _look(desk, name, body)
    return Saved(path, manifests, problems, kept)


def add_magics(shell: Any) -> None:
    """Register both cell magics with an IPython shell."""
    if shell is None:
        return

    def manifest(line: str, cell: str) -> None:
        """Save this cell as a manifest of your work for the lab: %%manifest deployment.yaml"""
        show(save(desk_of(), line, cell))

    def draft(line: str, cell: str) -> None:
        """Save this cell as a draft for experiments, which is not graded: %%draft try.yaml"""
        show(save(desk_of(), line, cell, draft=True))

    from grader.notebook.asking import answer

    magics: tuple[Callable[[str, str], None], ...] = (manifest, draft, answer)
    for function in magics:
        shell.register_magic_function(function, "cell", function.__name__)


def _look(desk: Desk, name: str, text: str) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    from grader.load import from_sources
    from grader.load.kustomize import is_in_tree

    allowed = desk.lab.file
    sources = [SourceFile(name, text)]
    if is_in_tree(name, allowed.kustomize.values()):
        return (), _look_at_part(name, text)
    try:
        submission = from_sources("cell", sources, kinds=allowed.kinds, forms=allowed.all_forms)
    except SubmissionError as error:
        return (), (error.message,)
    return submission.manifests, tuple(_kindly(problem) for problem in submission.problems)


def _look_at_part(name: str, text: str) -> tuple[str, ...]:
    """A file of a kustomize tree is no object by itself: whether it is YAML can be said of it."""
    from grader.load.limits import Budget
    from grader.load.text import documents

    try:
        return tuple(_kindly(problem) for problem in documents(text, name, Budget())[1])
    except SubmissionError as error:
        return (error.message,)


def _kindly(problem: Problem) -> str:
    return f"{problem.place}: {problem.message}"


def _keep(path: Path, body: str) -> Path | None:
    """Set aside a file that differs and that no cell of a notebook wrote: the learner's own."""
    if not path.is_file():
        return None
    there = path.read_text(encoding="utf-8", errors="replace")
    if there == body or there == _remembered(path.parent, path.name):
        return None
    folder = path.parent / KEPT
    folder.mkdir(exist_ok=True)
    number = 1
    while (target := folder / f"{path.stem}-{number}{path.suffix}").exists():
        number += 1
    target.write_text(there, encoding="utf-8")
    return target


def _remember(folder: Path, name: str, body: str) -> None:
    """A copy of what the cell wrote, by which a file edited elsewhere is told from it."""
    target = folder / name
    shadow = target.parent / KEPT / f".{target.name}"
    shadow.parent.mkdir(exist_ok=True)
    shadow.write_text(body, encoding="utf-8")


def _remembered(folder: Path, name: str) -> str | None:
    shadow = folder / KEPT / f".{name}"
    return shadow.read_text(encoding="utf-8") if shadow.is_file() else None
