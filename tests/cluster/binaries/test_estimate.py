from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.binaries.build import Estimate, estimate_for
from cluster.binaries.catalog import TOOLS


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_before_anything_is_done_it_says_what_was_measured() -> None:
    assert Estimate(400, cores=2, clock=Clock()).remaining() == 400


def test_more_cores_are_expected_to_be_faster_but_not_in_proportion() -> None:
    two, eight = (Estimate(400, cores=cores, clock=Clock()).remaining() for cores in (2, 8))
    assert two / 4 < eight < two


def test_a_slow_machine_corrects_the_estimate() -> None:
    clock = Clock()
    estimate = Estimate(400, cores=2, clock=clock)
    estimate.done, clock.now = 200.0, 600.0
    assert 300 < estimate.remaining() <= 600


def test_a_step_that_cost_nothing_makes_the_whole_shorter() -> None:
    clock = Clock()
    estimate = Estimate(400, cores=2, clock=clock)
    clock.now = 1.0
    estimate.took(100, 1.0)
    assert 290 < estimate.remaining() <= 300
    assert estimate.fraction() < 0.01


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=20))
def test_the_fraction_never_falls_and_never_claims_the_end(steps: list[float]) -> None:
    estimate = Estimate(sum(steps) or 1.0, clock=Clock())
    seen = []
    for step in steps:
        estimate.done += step
        seen.append(estimate.fraction())
        assert estimate.remaining() >= 0
    assert seen == sorted(seen)
    assert seen[-1] < 1


def test_the_estimate_for_everything_is_about_ten_minutes_on_two_cores() -> None:
    assert 300 < estimate_for(TOOLS.values()).total < 600
