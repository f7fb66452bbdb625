"""`start` in a lab that draws a case: a case of one's own, kept, and the same again by its seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.load.seeds import seed_of
from tests.grader.cli.helpers import mlk8s

SUBMISSION = Path("work") / "07-debug-evidence"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_case_is_drawn_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert mlk8s(capsys, "start", "07").code == 0
    seed = seed_of(SUBMISSION)
    assert seed
    text = (SUBMISSION / "oomkilled.yaml").read_text()
    assert "${" not in text
    (SUBMISSION / "oomkilled.yaml").unlink()
    assert mlk8s(capsys, "start", "07").code == 0
    assert (SUBMISSION / "oomkilled.yaml").read_text() == text
    assert seed_of(SUBMISSION) == seed


def test_a_seed_gives_its_case(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("one", "two"):
        assert mlk8s(capsys, "start", "07", "--seed", "k7f3wq", "--into", folder).code == 0
    for path in Path("one").rglob("*.yaml"):
        assert path.read_text() == (Path("two") / path.relative_to("one")).read_text()


def test_a_folder_holds_one_case(capsys: pytest.CaptureFixture[str]) -> None:
    mlk8s(capsys, "start", "07", "--seed", "one")
    outcome = mlk8s(capsys, "start", "07", "--seed", "two")
    assert outcome.code == 2
    assert "holds the case one already" in outcome.words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["07", "--seed", "Not/A/Seed"], "is no seed"),
        (["02", "--seed", "k7f3wq"], "the same for everybody"),
    ],
)
def test_what_is_no_seed(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = mlk8s(capsys, "start", *arguments)
    assert outcome.code == 2
    assert words in outcome.words


def test_without_its_seed_nothing_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    mlk8s(capsys, "start", "07")
    (SUBMISSION / "seed.yaml").unlink()
    outcome = mlk8s(capsys, "check", "07", "--cluster", "none")
    assert outcome.code == 1
    assert "seed.yaml is missing" in outcome.words
    again = mlk8s(capsys, "start", "07")
    assert again.code == 2
    assert "no seed that says of which" in again.words
