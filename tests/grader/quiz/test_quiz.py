"""The knowledge check: its form, its sealed answers, its verdicts, and the command."""

from __future__ import annotations

import json
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.errors import CourseError
from grader.quiz import seal as sealing
from grader.quiz.author import opened, sealed
from grader.quiz.judge import folder, judge, judge_one, read_quiz
from grader.quiz.model import Question
from grader.quiz.parts import possible, things
from tests.grader.cli.helpers import mlk8s

QUESTIONS = read_quiz().questions
SEALED = [question for question in QUESTIONS if question.form != "manifest"]
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: trainer, namespace: ml-training}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {accelerator: nvidia-a100}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      containers:
        - name: train
          image: registry.example.com/trainer:v3.1.0
          resources: {limits: {nvidia.com/gpu: 1, memory: 16Gi}}
          volumeMounts: [{name: kept, mountPath: /checkpoints}]
      volumes: [{name: kept, persistentVolumeClaim: {claimName: checkpoints}}]
"""


@cache
def says(name: str) -> dict[str, Any]:
    """Everything that the boxes of a question say: found by trying, as anybody could."""
    found: dict[str, Any] = opened(next(q for q in QUESTIONS if q.id == name))["says"]
    return found


def right_answer(question: Question) -> Any:
    told = says(question.id)
    letters = list(question.options)
    if question.form == "choice":
        return next(letter for letter in letters if told[letter][0])
    if question.form == "several":
        return [letter for letter in letters if told[f"{letter}:yes"][0]]
    if question.form == "match":
        return {i: next(x for x in letters if told[f"{i}={x}"][0]) for i in question.items}
    return next(
        list(order)
        for order in permutations(letters)
        if all(told[thing][0] for thing in things(question, list(order)))
    )


def test_seven_questions_of_varied_form() -> None:
    assert len(QUESTIONS) == 7
    assert {question.form for question in QUESTIONS} == {
        "choice",
        "several",
        "order",
        "match",
        "manifest",
    }


@pytest.mark.parametrize("question", SEALED, ids=lambda question: question.id)
def test_one_answer_is_right_and_every_other_is_told_why_not(question: Question) -> None:
    told = says(question.id)
    assert set(told) == set(possible(question))
    assert all(len(text) > 20 for _, text in told.values())
    letters = list(question.options)
    if question.form == "choice":
        assert sum(right for right, _ in told.values()) == 1
    elif question.form == "several":
        for letter in letters:
            assert told[f"{letter}:yes"][0] is not told[f"{letter}:no"][0]
        assert 1 < len(right_answer(question)) < len(letters)
    elif question.form == "match":
        for item in question.items:
            assert sum(told[f"{item}={letter}"][0] for letter in letters) == 1
        assert len(set(right_answer(question).values())) == len(question.items)
    else:
        whole = [
            order
            for order in permutations(letters)
            if all(told[thing][0] for thing in things(question, list(order)))
        ]
        assert len(whole) == 1


@pytest.mark.parametrize("question", SEALED, ids=lambda question: question.id)
def test_full_points_for_the_right_answer_only(question: Question) -> None:
    assert judge_one(question, right_answer(question)).right
    letters = list(question.options)
    wrong: Any = {
        "choice": letters[0] if right_answer(question) != letters[0] else letters[1],
        "several": letters,
        "order": list(reversed(right_answer(question))) if question.form == "order" else None,
        "match": dict.fromkeys(question.items, letters[-1]),
    }[question.form]
    outcome = judge_one(question, wrong)
    assert outcome.earned < question.points / 2
    assert any(not each.right for each in outcome.said)


def test_guessing_everything_earns_little() -> None:
    for question in QUESTIONS:
        if question.form == "several":
            every = [
                judge_one(question, list(question.options)).earned,
                judge_one(question, []).earned,
            ]
            assert max(every) <= question.points / 2


def test_the_manifest_has_variants_and_mistakes() -> None:
    question = next(q for q in QUESTIONS if q.form == "manifest")
    same = JOB.replace("operator: Exists", "value: present").replace(
        "memory: 16Gi", "memory: 16384Mi"
    )
    affinity = JOB.replace(
        "nodeSelector: {accelerator: nvidia-a100}",
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "{nodeSelectorTerms: [{matchExpressions: "
        "[{key: accelerator, operator: In, values: [nvidia-a100]}]}]}}}",
    )
    for text in (JOB, same, affinity):
        assert judge_one(question, text).right, judge_one(question, text)
    mistakes = {
        "backoffLimit: 0": "backoffLimit: 1",
        "restartPolicy: Never": "restartPolicy: OnFailure",
        "operator: Exists, effect": "effect",
        "key: nvidia.com/gpu, ": "",
        "nvidia.com/gpu: 1": "nvidia.com/gpu: 2",
        "accelerator: nvidia-a100": "accelerator: nvidia-t4",
        "mountPath: /checkpoints": "mountPath: /checkpoints, readOnly: true",
        "claimName: checkpoints": "claimName: other",
        "v3.1.0": "latest",
        "backoffLimit": "backofLimit",
    }
    for right, wrong in mistakes.items():
        outcome = judge_one(question, JOB.replace(right, wrong))
        assert 0 < outcome.earned < question.points, wrong
        assert any(each.text for each in outcome.said if not each.right), wrong
    assert not judge_one(question, question.start).answered
    assert judge_one(question, "a: [").problem


def test_nothing_can_be_read_in_the_file() -> None:
    text = (folder() / "sealed.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    for question in SEALED:
        for _, sentence in says(question.id).values():
            assert sentence not in text
    for question in raw["questions"]:
        lengths = {len(box) for box in question.get("boxes", {}).values()}
        assert all((length - 32) % 128 == 0 for length in lengths)
        assert list(question.get("boxes", {})) == sorted(question.get("boxes", {}))
    assert '"right"' not in text
    assert "says" not in {key for question in raw["questions"] for key in question}


def test_a_box_opens_to_its_answer_only() -> None:
    name, box = sealing.seal("00" * 16, "a", [True, "why"])
    assert sealing.unseal("00" * 16, "a", {name: box}) == [True, "why"]
    assert sealing.unseal("00" * 16, "b", {name: box}) is None
    assert sealing.unseal("01" * 16, "a", {name: box}) is None
    broken = box[:-1] + ("0" if box[-1] != "0" else "1")
    with pytest.raises(ValueError, match="damaged"):
        sealing.unseal("00" * 16, "a", {name: broken})


def test_open_and_seal_are_inverse() -> None:
    plain = opened(QUESTIONS[0])
    assert opened(sealed(plain)) == plain
    del plain["says"]["a"]
    with pytest.raises(CourseError, match="says nothing"):
        sealed(plain)


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("choice", "ab"),
        ("choice", "z"),
        ("choice", 3),
        ("several", "a a"),
        ("order", "ab"),
        ("match", "a"),
        ("match", {"hpa": "a"}),
    ],
)
def test_an_answer_of_the_wrong_form_is_explained(form: str, answer: Any) -> None:
    question = next(q for q in QUESTIONS if q.form == form)
    outcome = judge_one(question, answer)
    assert outcome.problem.endswith(".")
    assert outcome.earned == 0


def test_answers_may_be_written_in_several_ways() -> None:
    question = next(q for q in QUESTIONS if q.form == "several")
    letters = right_answer(question)
    for separator, upper in product(("", " ", ", ", ","), (False, True)):
        text = separator.join(letters)
        assert judge_one(question, text.upper() if upper else text).right


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {q.id: JOB if q.form == "manifest" else right_answer(q) for q in QUESTIONS}
    path = tmp_path / "answers.yaml"
    path.write_text(yaml.safe_dump(given))
    done = mlk8s(capsys, "quiz", "--answers", str(path), "--json")
    assert done.code == 0
    assert json.loads(done.out)["score"] == json.loads(done.out)["max_score"]
    path.write_text(yaml.safe_dump({**given, "design": "a"}))
    done = mlk8s(capsys, "quiz", "--answers", str(path))
    assert done.code == 1
    assert "headless Service" in done.words


def test_the_blank_form_earns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    done = mlk8s(capsys, "quiz", "--blank")
    assert done.code == 0
    given = yaml.safe_load(done.out)
    assert set(given) == {question.id for question in QUESTIONS}
    result = judge(given)
    assert result.score == 0
    assert not any(outcome.answered for outcome in result.outcomes)


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "answers.yaml"
    for text, words in (("nonsense: a", "no question"), ("- a", "no answers"), ("a: [", "read")):
        path.write_text(text)
        done = mlk8s(capsys, "quiz", "--answers", str(path))
        assert done.code == 2
        assert words in done.words
