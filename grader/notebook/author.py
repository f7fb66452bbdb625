"""For authors: text to notebook and back.

    python -m grader.notebook.author build 02.md                  # writes notebooks/02-….ipynb
    python -m grader.notebook.author text 02 > 02.md              # the other way
    python -m grader.notebook.author check                        # the form of all notebooks

The text is jupytext's Markdown; `build` is `jupytext --to ipynb`, then the reference from
solutions/, nbgrader's metadata, stable ids, and a look at the form.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

from grader.errors import CourseError, GraderError
from grader.load.labs import course_root, find_lab
from grader.model.lab import Lab
from grader.notebook import form, source
from grader.notebook.copies import notebook_of

MARKDOWN = "md"


def build(text: str, lab: Lab) -> source.Json:
    """The notebook that this text is, complete and clean."""
    jupytext: Any = import_module("jupytext")
    draft = jupytext.reads(text, fmt=MARKDOWN)
    for cell in draft["cells"]:
        cell["source"] = "".join(cell["source"])
    return rebuilt(draft, lab)


def rebuilt(notebook: source.Json, lab: Lab) -> source.Json:
    """The same notebook with the lab's present reference and points, clean."""
    from grader.judge.survey import provable_points

    return source.clean(source.complete(notebook, lab, provable_points(lab)))


def text_of(notebook: source.Json) -> str:
    """jupytext's Markdown, without what `build` fills in."""
    jupytext: Any = import_module("jupytext")
    as_node: Any = import_module("nbformat").from_dict
    bare = source.clean(notebook)
    for cell in bare["cells"]:
        cell["metadata"].pop("nbgrader", None)
        if "answer" in source.tags(cell):
            cell["source"] = f"%%manifest {source.answer_name(cell)}"
    written = jupytext.writes(as_node(bare), fmt=MARKDOWN)
    return str(written)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = ArgumentParser(prog="python -m grader.notebook.author", description=__doc__)
    parser.add_argument("action", choices=("build", "text", "check"))
    parser.add_argument("what", nargs="?", help="build: the text, named like 02.md; text: the lab")
    parser.add_argument("--lab", help="the lab, where the text's name does not begin with it")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "check":
            return _check()
        if not chosen.what:
            parser.error(f"{chosen.action} what?")
        if chosen.action == "text":
            sys.stdout.write(text_of(source.read(notebook_of(find_lab(chosen.what)))))
            return 0
        return _build(Path(chosen.what), chosen.lab)
    except GraderError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return error.exit_code


def _build(path: Path, name: str | None) -> int:
    lab = find_lab(name or path.stem)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}") from error
    notebook = build(text, lab)
    target = notebook_of(lab)
    target.parent.mkdir(exist_ok=True)
    source.write(notebook, target)
    print(f"wrote {target}")
    return _say(target, form.problems(notebook))


def _check() -> int:
    worst = 0
    for path in sorted((course_root() / "notebooks").glob("[0-9][0-9]-*.ipynb")):
        worst = max(worst, _say(path, form.problems(source.read(path))))
    return worst


def _say(path: Path, found: list[str]) -> int:
    for problem in found:
        print(f"{path.name}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
