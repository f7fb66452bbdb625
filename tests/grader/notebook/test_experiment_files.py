"""Which files an experiment plays where none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.notebook.experiments import _is_work


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("deployment.yaml", True),
        ("overlays/prod/patch.yml", True),
        ("decisions.json", True),
        ("notes.md", False),
        (".kept/deployment.yaml", False),
        ("overlays/.kept/patch.yaml", False),
    ],
)
def test_what_a_cell_has_set_aside_is_not_played(path: str, counts: bool) -> None:
    assert _is_work(Path(path)) is counts
