"""A seed draws the same case for ever, and different seeds different ones."""

from __future__ import annotations

import pytest
import yaml

from grader.errors import CourseError
from grader.model.draws import SEED, draw, fill, pick

CHOICES = {
    "model": [{"name": name, "port": port} for port, name in enumerate("abcdefgh", 8000)],
    "fault": ["probe", "limit", "selector"],
}


def test_the_same_seed_gives_the_same_case() -> None:
    assert draw(CHOICES, "k7f3") == draw(dict(CHOICES), "k7f3")
    assert draw(CHOICES, "k7f3")["seed"] == "k7f3"


def test_seeds_reach_every_choice() -> None:
    cases = [draw(CHOICES, f"s{number}") for number in range(200)]
    assert {case["model"]["name"] for case in cases} == set("abcdefgh")
    assert {case["fault"] for case in cases} == {"probe", "limit", "selector"}


def test_a_further_name_changes_no_other() -> None:
    more = {"first": ["x", "y"], **CHOICES}
    for seed in ("a", "b", "c"):
        assert draw(more, seed)["model"] == draw(CHOICES, seed)["model"]


def test_this_seed_draws_this_case_in_every_release() -> None:
    # Learners keep their seed: what it draws must not change under them.
    assert draw({"n": list(range(1000))}, "k7f3wq")["n"] == 811


def test_values_are_put_in_as_yaml() -> None:
    drawn = {"m": {"name": "ranker", "port": 8000, "on": True, "list": [{"key": "a b", "n": 1}]}}
    text = "name: ${m.name}\nport: ${m.port}\non: ${m.on}\ntolerations: ${m.list}\n"
    assert yaml.safe_load(fill(text, drawn)) == {
        "name": "ranker",
        "port": 8000,
        True: True,
        "tolerations": [{"key": "a b", "n": 1}],
    }


def test_other_dollars_stay() -> None:
    assert fill("$HOME $(NAME) ${ not } $${x", {}) == "$HOME $(NAME) ${ not } $${x"


def test_a_name_that_is_not_drawn_is_a_fault_of_the_course() -> None:
    with pytest.raises(CourseError, match=r"model\.tag"):
        pick({"model": {"name": "a"}}, "model.tag")


@pytest.mark.parametrize("seed", ["k7f3wq", "a", "2026-ada"])
def test_seeds(seed: str) -> None:
    assert SEED.match(seed)


@pytest.mark.parametrize("seed", ["", "-a", "a-", "A", "a/b", "a" * 40, "${x}"])
def test_no_seeds(seed: str) -> None:
    assert not SEED.match(seed)
