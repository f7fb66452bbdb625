"""An answer as the things it says: what each is called, and whether it can be read at all.

Each thing opens one box. A choice says one thing; of several, each option is taken or left; an
order says of each two neighbours which comes first; a match says one thing for each item.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations
from typing import Any

from grader.quiz.model import Question


class Unreadable(Exception):
    """The answer does not have the form that its question asks for; the message is a sentence."""


def things(question: Question, answer: Any) -> list[str]:
    """What this answer says, or Unreadable."""
    match question.form:
        case "choice":
            return [_letter(question, answer)]
        case "several":
            taken = _letters(question, answer)
            return [f"{letter}:{'yes' if letter in taken else 'no'}" for letter in question.options]
        case "order":
            order = _letters(question, answer)
            if len(order) != len(question.options):
                raise Unreadable(f"Give all of {', '.join(question.options)}, each once, in order.")
            return [f"{first}<{second}" for first, second in pairwise(order)]
        case "match":
            return _pairs(question, answer)
        case _:
            raise Unreadable("This question is answered with a manifest.")


def possible(question: Question) -> Iterator[str]:
    """Everything that an answer to this question can say."""
    letters = list(question.options)
    if question.form == "choice":
        yield from letters
    elif question.form == "several":
        yield from (f"{letter}:{word}" for letter in letters for word in ("yes", "no"))
    elif question.form == "order":
        yield from (f"{first}<{second}" for first, second in permutations(letters, 2))
    elif question.form == "match":
        yield from (f"{item}={letter}" for item in question.items for letter in letters)


def about(question: Question, thing: str) -> str:
    """The thing in the words of the question."""
    options = question.options
    if question.form == "several":
        letter, word = thing.split(":")
        return f"{letter}) {'chosen' if word == 'yes' else 'left out'}: {options[letter]}"
    if question.form == "order":
        first, second = thing.split("<")
        return f"{first} before {second}"
    if question.form == "match":
        item, letter = thing.split("=")
        return f"{question.items[item]}: {options[letter]}"
    return f"{thing}) {options[thing]}"


def _letter(question: Question, answer: Any) -> str:
    found = _letters(question, answer)
    if len(found) != 1:
        raise Unreadable("Choose one letter.")
    return found[0]


def _letters(question: Question, answer: Any) -> list[str]:
    """Letters as a list, `a, c`, `ac` or `a c`; each once, and each an option."""
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split() if set(answer) & set(", ") else list(answer)
    if not isinstance(answer, list):
        raise Unreadable(f"Answer with letters of {', '.join(question.options)}.")
    found = [str(letter).strip().lower() for letter in answer]
    strange = [letter for letter in found if letter not in question.options]
    if strange:
        raise Unreadable(f"{strange[0][:20]!r} is none of {', '.join(question.options)}.")
    if len(set(found)) != len(found):
        raise Unreadable("A letter stands there twice.")
    return found


def _pairs(question: Question, answer: Any) -> list[str]:
    if not isinstance(answer, dict):
        raise Unreadable(f"Give each of {', '.join(question.items)} a letter, as in `hpa: a`.")
    given = {str(key).strip().lower(): str(value).strip().lower() for key, value in answer.items()}
    missing = [item for item in question.items if item not in given]
    if missing:
        raise Unreadable(f"{missing[0]} has no letter yet.")
    for item in question.items:
        if given[item] not in question.options:
            raise Unreadable(f"{given[item][:20]!r} is none of {', '.join(question.options)}.")
    return [f"{item}={given[item]}" for item in question.items]
