"""The knowledge check's notebook: as learners get it, and with every answer right."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from grader.notebook import source
from grader.notebook.copies import quiz_notebook
from grader.quiz.judge import read_quiz
from tests.grader.quiz.test_quiz import JOB, right_answer
from tests.notebooks.test_run import errors, run, text

pytestmark = [pytest.mark.notebook, pytest.mark.slow]
TOTAL = sum(question.points for question in read_quiz().questions)


def test_without_answers_it_runs_and_earns_nothing(tmp_path: Path) -> None:
    released = source.release(source.read(quiz_notebook()), None)
    assert "SOLUTION" not in source.dumps(released)
    cells = run(released, tmp_path)
    assert errors(cells) == []
    assert f"0 of {TOTAL:g} points" in text(cells[-1])
    assert "no answer yet" in text(cells[-1])


def test_with_every_answer_right(tmp_path: Path) -> None:
    notebook = source.read(quiz_notebook())
    questions = {question.id: question for question in read_quiz().questions}
    for cell in notebook["cells"]:
        if "answer" in source.tags(cell):
            name = cell["source"].split()[1]
            question = questions[name]
            given = JOB if question.form == "manifest" else yaml.safe_dump(right_answer(question))
            cell["source"] = f"%%answer {name}\n{given}"
    cells = run(notebook, tmp_path)
    assert errors(cells) == []
    assert f"{TOTAL:g} of {TOTAL:g} points" in text(cells[-1])


def test_points_are_those_of_the_quiz() -> None:
    graded = [c for c in source.read(quiz_notebook())["cells"] if "graded" in source.tags(c)]
    assert [cell["metadata"]["nbgrader"]["points"] for cell in graded] == [TOTAL]
