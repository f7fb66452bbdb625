"""Questions as they are kept and shown, and what comes of answering them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Form = Literal["choice", "several", "order", "match", "manifest"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Question(_Model):
    """One question, without its answer.

    `options` maps a letter to a text: the choices, the things to bring into order, or the right
    side of a match, whose left side is `items`. `boxes` are the sealed sentences, one for each
    thing that an answer may say (`grader.quiz.seal`). A manifest has none: `lab` names the folder
    with its checks.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    form: Form
    title: str
    text: str
    points: float = Field(gt=0)
    section: str = Field(pattern=r"^\d\d$")
    items: dict[str, str] = Field(default_factory=dict)
    options: dict[str, str] = Field(default_factory=dict)
    lab: str = ""
    start: str = Field(default="", description="The text that a manifest's answer begins with.")
    salt: str = ""
    boxes: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_what_its_form_needs(self) -> Question:
        if self.form == "manifest":
            if not self.lab or self.options or self.boxes:
                raise ValueError("a manifest has checks in `lab`, no options and no boxes")
        elif not self.options:
            raise ValueError(f"a question of form {self.form} has options")
        if (self.form == "match") != bool(self.items):
            raise ValueError("a match, and only a match, has items")
        return self


class Quiz(_Model):
    """All questions, in order."""

    format: Literal["mlk8s-quiz/1"] = "mlk8s-quiz/1"
    questions: list[Question]


class Said(_Model):
    """What one part of an answer deserves: whether it is right, and a sentence about it."""

    about: str
    right: bool
    text: str


class Outcome(_Model):
    """The verdict on one question. `problem` says why an answer cannot be read; then it earns
    nothing, and nothing is said about its content."""

    id: str
    form: Form
    points: float
    earned: float
    answered: bool
    problem: str = ""
    said: list[Said] = Field(default_factory=list)

    @property
    def right(self) -> bool:
        """Full points."""
        return self.earned >= self.points


class QuizResult(_Model):
    """The verdict on all questions; what `mlk8s quiz --json` prints."""

    format: Literal["mlk8s-quiz-result/1"] = "mlk8s-quiz-result/1"
    score: float
    max_score: float
    outcomes: list[Outcome]

    @property
    def passed(self) -> bool:
        """Every question has full points."""
        return all(outcome.right for outcome in self.outcomes)


Answers = dict[str, Any]
"""Question's id -> answer: a letter, letters, letters in order, item -> letter, or YAML text."""
