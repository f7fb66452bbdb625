"""Order of the whole suite: fast tests, embedded control plane, course, kind."""

from __future__ import annotations

import pytest

_ORDER = ("embedded", "course", "kind")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return max(
            (place + 1 for place, mark in enumerate(_ORDER) if item.get_closest_marker(mark)),
            default=0,
        )

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def _plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours and a fixed width, whatever terminal runs the tests."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "110")
