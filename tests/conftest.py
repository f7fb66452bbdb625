"""Order of the whole suite: fast tests, embedded control plane, course, kind, long proofs.

Where there is a time by which all must be over, `MLK8S_TEST_UNTIL` (seconds since the epoch) is the
last moment at which a long proof may begin. One that would begin later is skipped and says so.
"""

from __future__ import annotations

import os
import time

import pytest

_ORDER = ("embedded", "course", "kind", "proof")


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
