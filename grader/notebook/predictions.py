"""`predict`: a question before an experiment, answered by a click that reveals what to look for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from grader.notebook.html import Shown, marked


class Prediction(Shown):
    """A question with choices; each opens to a sentence. Plain HTML: no widget, no script."""

    def __init__(self, question: str, choices: Mapping[str, str], right: str) -> None:
        self.question = question
        self.choices = dict(choices)
        self.right = right

    def html(self) -> str:
        """One `details` for each choice; opening one closes the others."""
        group = "q" + hashlib.sha256(self.question.encode()).hexdigest()[:10]
        parts = [f'<div class="box ask"><p><b>Predict.</b> {marked(self.question)}</p>']
        for choice, feedback in self.choices.items():
            mark, tone, word = (
                ("✔", "ok", "Yes.") if choice == self.right else ("✘", "bad", "Not quite.")
            )
            parts.append(
                f'<details class="choice" name="{group}"><summary>{marked(choice)}</summary>'
                f'<div class="in"><span class="{tone}">{mark} {word}</span> '
                f"{marked(feedback)}</div></details>"
            )
        parts.append('<p class="soft">Choose first, then run the next cell and look.</p></div>')
        return "".join(parts)

    def text(self) -> str:
        """Question and choices; the answers stay out of sight until the experiment is run."""
        lines = [f"Predict. {self.question}"]
        lines += [
            f"  {letter}) {choice}"
            for letter, choice in zip("abcdefgh", self.choices, strict=False)
        ]
        return "\n".join([*lines, "Choose first, then run the next cell and look."])


def predict(question: str, choices: Mapping[str, str], right: str) -> Prediction:
    """Ask before showing. `choices` maps each choice to what is said when it is opened; `right` is
    one of them. Raises ValueError where the question is not well made."""
    if right not in choices:
        raise ValueError(f"the right answer {right!r} is not among the choices")
    if not 2 <= len(choices) <= 6:
        raise ValueError("a prediction has two to six choices")
    for choice, feedback in choices.items():
        if not feedback.strip():
            raise ValueError(f"say something about the choice {choice!r}")
    return Prediction(question, choices, right)
