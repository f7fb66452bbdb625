"""Draws the README's picture from a real run: `python docs/pictures.py` (brings a cluster up)."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from grader.grading.grade import Options, grade
from grader.load.labs import find_lab
from grader.report.terminal import render
from grader.verify.cases import corpus, materialize

TARGET = Path(__file__).parent / "pictures" / "check.svg"
CASE = "max-unavailable-one"
SHOWN = 8
"""So many checks, counted from the last, fit into a picture that one can read."""


def main() -> None:
    """Grade a mistake of lab 02's corpus and keep what a terminal would show."""
    lab = find_lab("02")
    case = next(case for case in corpus(lab) if case.name == CASE)
    with tempfile.TemporaryDirectory() as scratch:
        path = materialize(lab, case, Path(scratch) / lab.id)
        result = grade(lab, path, Options(where="auto"))
    result = result.model_copy(update={"recording": None, "checks": result.checks[-SHOWN:]})
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True)
    console.print(render(result, lab.file.title))
    svg = console.export_svg(title="./mlk8s check 02")
    # No font from elsewhere: a README must not call another host.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    TARGET.write_text(svg.replace("Fira Code", "DejaVu Sans Mono"), encoding="utf-8")


if __name__ == "__main__":
    main()
