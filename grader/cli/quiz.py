"""`quiz`: the knowledge check, asked or from a file of answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.check import Json
from grader.cli.consoles import out
from grader.errors import EXIT_FAILED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from grader.quiz.model import Answers, Outcome, Question, QuizResult


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(quiz)


def quiz(
    answers: Annotated[
        Path | None, typer.Option("--answers", "-a", help="YAML file: question, then answer.")
    ] = None,
    blank: Annotated[
        bool, typer.Option("--blank", help="Print such a file without answers, and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Seven questions on the whole course, with a sentence on every answer.

    Exit code: 0 full points on every question; 1 less; 2 wrong use.

    Examples:

        mlk8s quiz

        mlk8s quiz --blank > answers.yaml

        mlk8s quiz --answers answers.yaml

        mlk8s quiz --answers answers.yaml --json
    """
    from grader.quiz.judge import judge, read_quiz

    questions = read_quiz().questions
    if blank:
        typer.echo("\n".join(_blank(questions)))
        return
    if answers is not None:
        result = judge(_read(answers, {question.id for question in questions}))
    elif as_json or not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", "mlk8s quiz --answers FILE")
    else:
        result = judge(_ask(questions))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        _show(result, questions, brief=answers is None)
    raise typer.Exit(EXIT_OK if result.passed else EXIT_FAILED)


def _read(path: Path, known: set[str]) -> Answers:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no answers", "mlk8s quiz --blank shows the form.")
    strange = sorted(str(key) for key in found if key not in known)
    if strange:
        raise UsageError(
            f"there is no question {strange[0]!r}", f"There are {', '.join(sorted(known))}."
        )
    return found


def _blank(questions: list[Question]) -> Iterator[str]:
    from grader.quiz.words import how, lines

    yield "# Your answers, to be judged with: mlk8s quiz --answers FILE"
    for number, question in enumerate(questions, 1):
        yield ""
        yield from (f"# {line}".rstrip() for line in lines(question, number, len(questions)))
        yield f"# {how(question)}"
        if question.form == "manifest":
            yield f"{question.id}: |"
            yield from (f"  {line}" for line in question.start.rstrip().splitlines())
        elif question.form == "match":
            yield f"{question.id}:"
            yield from (f"  {item}: " for item in question.items)
        else:
            yield f"{question.id}: "


def _ask(questions: list[Question]) -> Answers:
    """Ask one after the other; feedback follows each answer. An empty line skips a question."""
    from grader.quiz.judge import judge_one
    from grader.quiz.words import how, lines

    given: dict[str, Any] = {}
    for number, question in enumerate(questions, 1):
        out().print("\n" + "\n".join(lines(question, number, len(questions))), markup=False)
        while True:
            answer = _manifest(question) if question.form == "manifest" else _line(question)
            outcome = judge_one(question, answer)
            if not outcome.problem:
                break
            out().print(f"{outcome.problem} {how(question)}", style="yellow", markup=False)
        given[question.id] = answer
        _feedback(outcome)
    return given


def _line(question: Question) -> Any:
    from grader.quiz.words import how

    if question.form != "match":
        return typer.prompt(f"\n{how(question)}", default="", show_default=False)
    out().print()
    return {
        item: typer.prompt(f"  {text}", default="", show_default=False)
        for item, text in question.items.items()
    }


def _manifest(question: Question) -> str:
    """The text of the file that is named; begun from the question's own text."""
    out().print(f"\nBegin with:\n\n{question.start}", markup=False)
    while True:
        name = typer.prompt("Your file, or Enter to skip", default="", show_default=False)
        if not name:
            return ""
        try:
            return Path(name).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            out().print(f"{name} cannot be read: {error}", style="yellow", markup=False)


def _show(result: QuizResult, questions: list[Question], brief: bool) -> None:
    console = out()
    titles = {question.id: question.title for question in questions}
    for outcome in result.outcomes:
        mark = "✔" if outcome.right else "✘" if outcome.answered else "·"
        points = f"{outcome.earned:g}/{outcome.points:g}"
        console.print(f"{mark} {points:>7}  {titles[outcome.id]}", markup=False)
        if not brief:
            _feedback(outcome)
    style = "bold green" if result.passed else "bold"
    console.print(f"\n{result.score:g} of {result.max_score:g} points", style=style)


def _feedback(outcome: Outcome) -> None:
    from grader.quiz.words import feedback

    if outcome.problem:
        out().print(f"    {outcome.problem}", style="yellow", markup=False)
    out().print("\n".join(feedback(outcome.said)), markup=False)
