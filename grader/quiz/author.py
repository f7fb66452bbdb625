"""For authors: the questions as plain text, and sealed again.

    python -m grader.quiz.author open > quiz.yaml     # tries every answer; asks nobody
    python -m grader.quiz.author seal quiz.yaml       # writes quiz/sealed.json

The plain text is a scratch file and is not committed. In it each question has, besides what is
shown, `says`: for each thing that an answer may say, whether it is right and a sentence.
"""

from __future__ import annotations

import json
import secrets
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml

from grader.errors import CourseError, GraderError
from grader.quiz.judge import folder, read_quiz
from grader.quiz.model import Question, Quiz
from grader.quiz.parts import possible
from grader.quiz.seal import seal, unseal


def opened(question: Question) -> dict[str, Any]:
    """A question with everything that its boxes say."""
    plain = question.model_dump(exclude={"salt", "boxes"}, exclude_defaults=True)
    if question.form != "manifest":
        plain["says"] = {
            thing: unseal(question.salt, thing, question.boxes) for thing in possible(question)
        }
    return plain


def sealed(plain: dict[str, Any]) -> Question:
    """The question as it is kept. Raises CourseError where something is left unsaid."""
    says = plain.get("says") or {}
    shown = {key: value for key, value in plain.items() if key != "says"}
    if shown.get("form") == "manifest":
        return Question.model_validate(shown)
    salt = secrets.token_hex(16)
    placeholder = Question.model_validate({**shown, "salt": salt})
    boxes = {}
    for thing in possible(placeholder):
        if thing not in says:
            raise CourseError(f"question {placeholder.id} says nothing about {thing!r}")
        right, text = says[thing]
        if not isinstance(right, bool) or not str(text).strip():
            raise CourseError(f"question {placeholder.id}, {thing!r}: [true or false, a sentence]")
        name, box = seal(salt, thing, [right, str(text).strip()])
        boxes[name] = box
    return placeholder.model_copy(update={"boxes": dict(sorted(boxes.items()))})


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = ArgumentParser(prog="python -m grader.quiz.author", description=__doc__)
    parser.add_argument("action", choices=("open", "seal"))
    parser.add_argument("file", nargs="?", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "open":
            every = [opened(question) for question in read_quiz().questions]
            yaml.safe_dump(every, sys.stdout, allow_unicode=True, sort_keys=False, width=100)
            return 0
        if chosen.file is None:
            parser.error("seal which file?")
        plain = yaml.safe_load(chosen.file.read_text(encoding="utf-8"))
        quiz = Quiz(questions=[sealed(question) for question in plain])
    except GraderError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    path = folder() / "sealed.json"
    path.parent.mkdir(exist_ok=True)
    kept = {"format": quiz.format, **quiz.model_dump(exclude_defaults=True)}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
