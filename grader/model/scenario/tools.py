"""Actions in which a program of the field, other than Kubernetes, judges what was handed in."""

from __future__ import annotations

from pydantic import Field

from grader.model.scenario.base import Action


class Rules(Action):
    """Let promtool, Prometheus' own engine for rules, check and test a rules file of the learner.

    `file` is the learner's (a form of the lab), `tests` are patterns of the lab's own unit tests in
    promtool's format, which name that file under `rule_files`. They need no cluster. Answers have
    verb `promtool` and code 200 or 422: one with the target `check rules`, and if that was right,
    one for each test, with the test's `name` as the target. A test named `ErrorsHigh/night` is
    about the alert `ErrorsHigh`: it is judged without other alerts that cannot be evaluated.

    `told` is one of the tests' files once more: at the last moment that each of its tests looks at,
    promtool is asked what the alert says. The answers have the target `ErrorsHigh/told`, and as
    `body` a JSON list with the annotations of each alert that fires, as Prometheus fills them in.

    Example: `rules: {file: rules.yaml, tests: [given/*.yaml], told: given/incident.yaml}`.
    """

    file: str
    tests: tuple[str, ...] = Field(min_length=1)
    told: str = ""
    settle: bool = Field(default=False, description="Nothing on the cluster changes.")
