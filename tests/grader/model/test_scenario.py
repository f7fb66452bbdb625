from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from grader.model.scenario import ACTIONS, Ask, Kill, Step
from grader.observe.steps import PLAYERS


def a_step(text: str) -> Step:
    return Step.model_validate(yaml.safe_load(text))


def examples() -> list[tuple[str, str]]:
    """Every example in a docstring: `name: {...}`."""
    found = []
    for name, action in ACTIONS.items():
        doc = re.sub(r"\s+", " ", action.__doc__ or "")
        found += [(name, text) for text in re.findall(rf"`({name}: {{.*?}}+)`", doc)]
    return found


def test_every_action_can_be_played() -> None:
    assert ACTIONS.keys() == PLAYERS.keys()


@pytest.mark.parametrize(("name", "text"), examples())
def test_examples_are_steps(name: str, text: str) -> None:
    step = a_step(text)
    assert step.kind == name
    assert type(step.action) is ACTIONS[name]


def test_every_action_with_a_field_of_its_own_has_an_example() -> None:
    shown = {name for name, _ in examples()}
    without_any = {"settle", "wait-gone", "delete"}
    assert shown == ACTIONS.keys() - without_any


@pytest.mark.parametrize(
    "wrong",
    [
        "load: {service: web}",
        "load: {service: web, rate: -1}",
        "load: {service: Web, rate: 1}",
        "queue: {metric: q}",
        "scale: {object: web, replicas: 2}",
        "scale: {object: Deployment/web, replicas: -1}",
        "drain: {}",
        "drain: {nodes: [a], of: Deployment/web}",
        "kill: {of: Job/a, signal: KILL, exit_code: 1}",
        "kill: {of: Job/a, exit_code: 256}",
        "undo: {object: StatefulSet/web}",
        "send: {files: []}",
        "send: {files: [a.yaml], actor: nobody}",
        "may: {who: deployer, asks: [{verb: get, resource: pods}]}",
        "may: {who: ServiceAccount/a, asks: []}",
        "may: {who: ServiceAccount/a, asks: [{verb: get, resource: Deployments}]}",
        "wait-for: {object: Deployment/web}",
        "wait-for: {object: Deployment/web, path: status.x}",
        "wait-for: {object: Deployment/web, path: 'status..x', equals: 1}",
        "wait-for: {object: Deployment/web, equals: 1}",
        "wait-for: {object: Deployment/web, gone: true, condition: Available}",
        "try: {files: [a.yaml]}",
    ],
)
def test_wrong_steps_are_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        a_step(wrong)


def test_a_signal_is_an_exit_code() -> None:
    assert Kill(of="Job/a").code == 137
    assert Kill(of="Job/a", signal="TERM").code == 143
    assert Kill(of="Job/a", exit_code=42).code == 42


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        ({"verb": "patch", "resource": "deployments.apps"}, "patch deployments.apps"),
        ({"verb": "get", "resource": "pods", "subresource": "log"}, "get pods/log"),
        ({"verb": "get", "resource": "secrets", "name": "key"}, "get secrets key"),
        ({"verb": "*", "resource": "*.*"}, "* *.*"),
    ],
)
def test_questions_have_a_name(ask: dict[str, Any], text: str) -> None:
    assert str(Ask(**ask)) == text


def test_waiting_steps_belong_to_the_step_before() -> None:
    assert a_step("wait-for: {object: Job/a, condition: Complete}").name is None
    assert a_step("{wait-for: {object: Job/a, gone: true}, as: end}").name == "end"
    assert a_step("drain: {nodes: [n1]}").name == "drain"
