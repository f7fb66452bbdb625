"""The wheel holds everything that a user without a checkout needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.load.labs import lab_ids

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel that is built now."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("lab_id", lab_ids())
def test_every_lab_ships_whole(names: set[str], lab_id: str) -> None:
    course = "grader/_course"
    for path in (
        f"labs/{lab_id}/lab.yaml",
        f"labs/{lab_id}/README.md",
        f"solutions/{lab_id}/WHY.md",
    ):
        assert f"{course}/{path}" in names
    assert any(name.startswith(f"{course}/labs/{lab_id}/starter/") for name in names)
    assert any(name.startswith(f"{course}/labs/{lab_id}/test_") for name in names)
    assert any(name.startswith(f"{course}/submissions/{lab_id}/") for name in names)


def test_the_pinned_modules_and_types_ship(names: set[str]) -> None:
    for module in ("etcd", "kubernetes", "kwok"):
        assert f"cluster/tools/{module}/go.mod" in names
        assert f"cluster/tools/{module}/go.sum" in names
    assert {"grader/py.typed", "cluster/py.typed"} <= names


def test_nothing_of_the_workshop_ships(names: set[str]) -> None:
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]
