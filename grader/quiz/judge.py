"""From answers to a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from grader.errors import CourseError, SubmissionError
from grader.load.labs import course_root, read_lab
from grader.model.result import Result
from grader.quiz.model import Answers, Outcome, Question, Quiz, QuizResult, Said
from grader.quiz.parts import Unreadable, about, things
from grader.quiz.seal import unseal


def folder() -> Path:
    """Where the quiz is kept."""
    return course_root() / "quiz"


@cache
def read_quiz() -> Quiz:
    """The course's questions. Raises CourseError."""
    path = folder() / "sealed.json"
    try:
        return Quiz.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} is not a quiz: {error}") from error


def judge(answers: Answers) -> QuizResult:
    """Judge answers to all questions; one that is missing earns nothing."""
    quiz = read_quiz()
    outcomes = [judge_one(question, answers.get(question.id)) for question in quiz.questions]
    return QuizResult(
        score=round(sum(outcome.earned for outcome in outcomes), 2),
        max_score=round(sum(outcome.points for outcome in outcomes), 2),
        outcomes=outcomes,
    )


def judge_one(question: Question, answer: Any) -> Outcome:
    """Judge one answer."""
    outcome = Outcome(
        id=question.id, form=question.form, points=question.points, earned=0, answered=False
    )
    if _empty(answer) or (isinstance(answer, str) and _untouched(question, answer)):
        return outcome
    outcome.answered = True
    judge_form = _manifest if question.form == "manifest" else _sealed
    try:
        judge_form(question, answer, outcome)
    except Unreadable as error:
        outcome.problem = str(error)
    return outcome


def _empty(answer: Any) -> bool:
    """Nothing at all, or a match of which no item has a letter yet."""
    if isinstance(answer, dict):
        return not any(value not in (None, "") for value in answer.values())
    return answer in (None, "", [])


def _untouched(question: Question, text: str) -> bool:
    """Whether nothing but comments, or but the text to begin with, is there."""

    def content(of: str) -> list[str]:
        lines = (line.split("#", 1)[0].strip() for line in of.splitlines())
        return [line for line in lines if line]

    return content(text) in ([], content(question.start))


def _sealed(question: Question, answer: Any, outcome: Outcome) -> None:
    said = []
    for thing in things(question, answer):
        found = unseal(question.salt, thing, question.boxes)
        if found is None:
            raise CourseError(f"question {question.id} has nothing to say about {thing!r}")
        said.append(Said(about=about(question, thing), right=found[0], text=found[1]))
    right = sum(each.right for each in said)
    outcome.said = said
    outcome.earned = round(question.points * _SHARE[question.form](right, len(said)), 2)


def _all_or_part(right: int, count: int) -> float:
    return right / count


def _more_right_than_wrong(right: int, count: int) -> float:
    """Of several, what is right less what is wrong, so that ticking all or nothing earns little."""
    return max(0.0, (2 * right - count) / count)


_SHARE: dict[str, Callable[[int, int], float]] = {
    "choice": _all_or_part,
    "several": _more_right_than_wrong,
    "order": _all_or_part,
    "match": _all_or_part,
}


def _manifest(question: Question, answer: Any, outcome: Outcome) -> None:
    """A short manifest is judged from its text, by checks as in a lab."""
    if not isinstance(answer, str):
        raise Unreadable("Answer with a manifest, as YAML text.")
    result = _graded(question, answer)
    if result.problems and all(check.status == "blocked" for check in result.checks):
        raise Unreadable(result.problems[0])
    for check in result.checks:
        right = check.status == "passed"
        text = (
            "" if right else f"Expected {check.expected}; observed {check.observed}. {check.hint}"
        )
        outcome.said.append(Said(about=check.title, right=right, text=text))
    outcome.earned = round(question.points * result.score / result.max_score, 2)


def _graded(question: Question, text: str) -> Result:
    from grader.grading.grade import Options, grade

    lab = read_lab(folder() / question.lab)
    with tempfile.TemporaryDirectory(prefix="mlk8s-quiz-") as scratch:
        path = Path(scratch) / "answer.yaml"
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        try:
            return grade(lab, path, Options(where="none"))
        except SubmissionError as error:
            raise Unreadable(error.message) from error
