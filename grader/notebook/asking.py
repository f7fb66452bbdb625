"""`ask`, `%%answer` and `quiz`: the knowledge check in a notebook."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from grader.errors import GraderError
from grader.notebook.html import Notice, Shown, in_ipython, marked, show
from grader.notebook.place import NotebookStop, stop, work_root
from grader.notebook.standing import remember_quiz
from grader.quiz.judge import judge, judge_one, read_quiz
from grader.quiz.model import Answers, Outcome, Question, QuizResult
from grader.quiz.words import feedback, how, lines

FOLDER, SUFFIX = "quiz", ".answer.yaml"
"""Where answers are kept below the work folder, and how their files' names end."""


class Asked(Shown):
    """A question, without its answer."""

    def __init__(self, question: Question, number: int, total: int) -> None:
        self.question = question
        self._place = (number, total)

    def html(self) -> str:
        """Text, items and options."""
        asked, (number, total) = self.question, self._place
        keyed = {**asked.items, **asked.options}
        rows = [
            f'<tr><td class="tight"><b>{key}</b></td><td>{marked(text)}</td></tr>'
            for key, text in keyed.items()
        ]
        return (
            f'<div class="box ask"><p><b>{number} of {total}. {marked(asked.title)}</b> '
            f'<span class="soft">{asked.points:g} points</span></p><p>{marked(asked.text)}</p>'
            f'<table>{"".join(rows)}</table><p class="soft">{marked(how(asked))}</p></div>'
        )

    def text(self) -> str:
        """The same in lines."""
        return "\n".join([*lines(self.question, *self._place), "", how(self.question)])


class Told(Shown):
    """What comes of one answer."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def html(self) -> str:
        """Each thing that was said, with its sentence."""
        found = self.outcome
        if found.problem or not found.answered:
            return Notice(found.problem or "No answer yet.", tone="ask").html()
        rows = "".join(
            f'<tr><td class="{"ok" if each.right else "bad"}">{"✔" if each.right else "✘"}</td>'
            f'<td>{marked(each.about)}<div class="soft">{marked(each.text)}</div></td></tr>'
            for each in found.said
        )
        tone = "good" if found.right else "fail"
        points = f"<p><b>{found.earned:g} of {found.points:g} points</b></p>"
        return f'<div class="box {tone}">{points}<table>{rows}</table></div>'

    def text(self) -> str:
        """The same in lines."""
        found = self.outcome
        if found.problem or not found.answered:
            return found.problem or "No answer yet."
        points = f"{found.earned:g} of {found.points:g} points"
        return "\n".join([points, *feedback(found.said)])


class QuizVerdict(Shown):
    """All questions with their points."""

    def __init__(self, result: QuizResult) -> None:
        self.result = result

    def _rows(self) -> list[tuple[str, str, str, str]]:
        titles = {question.id: question.title for question in read_quiz().questions}
        return [
            (
                "✔" if found.right else "✘" if found.answered else "·",
                f"{found.earned:g} / {found.points:g}",
                titles[found.id],
                "" if found.answered else "no answer yet",
            )
            for found in self.result.outcomes
        ]

    def html(self) -> str:
        """A table and the sum."""
        tone = {"✔": "ok", "✘": "bad", "·": "soft"}
        rows = "".join(
            f'<tr><td class="{tone[mark]}">{mark}</td><td class="num">{points}</td>'
            f'<td>{marked(title)}</td><td class="soft">{note}</td></tr>'
            for mark, points, title, note in self._rows()
        )
        result = self.result
        words = f"{result.score:g} of {result.max_score:g} points"
        head = f'<p class="head">Knowledge check · {words}</p>'
        return f"{head}<table>{rows}</table>"

    def text(self) -> str:
        """The same in lines."""
        rows = [f"{mark} {points:>9}  {title}  {note}".rstrip() for mark, points, title, note in
                self._rows()]  # fmt: skip
        return "\n".join([*rows, f"{self.result.score:g} of {self.result.max_score:g} points"])


def ask(name: str) -> Asked:
    """Show one question of the knowledge check; adds %%answer. It needs no cluster."""
    if in_ipython():
        from grader.notebook.magics import add_magics

        add_magics(import_module("IPython").get_ipython())
    questions = read_quiz().questions
    place = next(i for i, question in enumerate(questions) if question is question_of(name))
    return Asked(questions[place], place + 1, len(questions))


def quiz() -> QuizVerdict | float:
    """The verdict on the answers of this notebook; under nbgrader its points as a number."""
    try:
        result = judge(answers_in(work_root() / FOLDER))
    except GraderError as error:
        raise stop(error) from error
    verdict = QuizVerdict(result)
    if os.environ.get("NBGRADER_EXECUTION"):
        show(verdict)
        return result.score
    remember_quiz(work_root(), result.score, result.max_score)
    return verdict


def answer(line: str, cell: str) -> None:
    """%%answer design: keep this cell's text as the answer to that question, and say what comes
    of it."""
    question = question_of(line.strip())
    folder = work_root() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{question.id}{SUFFIX}").write_text(cell, encoding="utf-8")
    show(Told(judge_one(question, _parsed(question, cell))))


def answers_in(folder: Path) -> Answers:
    """The answers that were kept in this folder."""
    found = {}
    for question in read_quiz().questions:
        path = folder / f"{question.id}{SUFFIX}"
        if path.is_file():
            found[question.id] = _parsed(question, path.read_text(encoding="utf-8"))
    return found


def question_of(name: str) -> Question:
    """The question of that name, or a kind stop."""
    questions = read_quiz().questions
    for question in questions:
        if question.id == name:
            return question
    names = ", ".join(question.id for question in questions)
    raise NotebookStop(f"There is no question {name!r}.", f"There are {names}.")


def _parsed(question: Question, text: str) -> Any:
    """A manifest stays text; everything else is read as YAML, so that `a, c` and lists work."""
    if question.form == "manifest":
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
