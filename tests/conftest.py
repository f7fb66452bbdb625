"""What a run of the suite plays, and in which order: fast tests, embedded control plane, course,
long proofs, kind.

A run that names neither tests nor marks leaves out what takes over an hour and what needs real
containers, and says so. Kind comes last: its tests have a home of their own, and the cluster of the
others is not in it.

Where there is a time by which all must be over, `MLK8S_TEST_UNTIL` (seconds since the epoch) is the
last moment at which a long proof may begin. One that would begin later is skipped and says so.
"""

from __future__ import annotations

import os
import time

import pytest

_ORDER = ("embedded", "course", "proof", "kind")
_USUAL = "not proof and not kind"


def pytest_configure(config: pytest.Config) -> None:
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if everything and not config.option.markexpr:
        config.option.markexpr = _USUAL


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.option.markexpr != _USUAL:
        return None
    return "left out: the long proofs (-m proof) and what needs real containers (-m kind)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return max(
            (place + 1 for place, mark in enumerate(_ORDER) if item.get_closest_marker(mark)),
            default=0,
        )

    items.sort(key=rank)


def pytest_runtest_setup(item: pytest.Item) -> None:
    until = float(os.environ.get("MLK8S_TEST_UNTIL") or "inf")
    if item.get_closest_marker("proof") and time.time() > until:
        pytest.skip("no time is left for this proof: ./mlk8s test -m proof plays it")


@pytest.fixture(autouse=True)
def _plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours and a fixed width, whatever terminal runs the tests."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "110")
