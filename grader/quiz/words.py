"""Questions and their verdict for a person at a terminal, as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from grader.quiz.model import Question, Said

WIDTH = 92

HOW = {
    "choice": "Answer with one letter.",
    "several": "Answer with all letters that apply, for example: a c",
    "order": "Answer with all letters in order, for example: c a b",
    "match": "Answer with a letter for each, for example: {example}: a",
    "manifest": "Answer with a manifest.",
}


def how(question: Question) -> str:
    """How to write an answer."""
    example = next(iter(question.items), "")
    return HOW[question.form].format(example=example)


def lines(question: Question, number: int, total: int) -> Iterator[str]:
    """The question as lines."""
    yield f"{number} of {total}  {question.title}  ({question.points:g} points)"
    yield ""
    yield from textwrap.wrap(question.text, WIDTH)
    if question.items:
        yield ""
        yield from (f"  {item:<7} {text}" for item, text in question.items.items())
    if question.options:
        yield ""
    for letter, text in question.options.items():
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=f"  {letter})  ", subsequent_indent="      "
        )


def feedback(said: Sequence[Said]) -> Iterator[str]:
    """What was said of each part of an answer."""
    for each in said:
        mark = "✔" if each.right else "✘"
        yield from textwrap.wrap(
            each.about, WIDTH, initial_indent=f"  {mark} ", subsequent_indent="    "
        )
        yield from textwrap.wrap(each.text, WIDTH, initial_indent="    ", subsequent_indent="    ")
