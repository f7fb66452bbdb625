"""A seeded lab knows which case a submission is about, and says so when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.errors import CourseError, SubmissionError
from grader.grading.grade import load
from grader.load.seeds import drawn_for, fill_folder, new_seed, seed_of
from grader.model.draws import SEED
from grader.model.lab import Lab
from tests.grader.observe.samples import a_lab

DRAWS = """
model:
  - {name: ranker}
  - {name: tagger}
"""
POD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "${model.name}", namespace: ml-serving}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    root = tmp_path / "lab"
    (root / "starter").mkdir(parents=True)
    (root / "draws.yaml").write_text(DRAWS)
    (root / "starter" / "map.yaml").write_text(POD)
    (root / "starter" / "seed.yaml").write_text("seed: ${seed}\n")
    return a_lab(root=root, seeded=True)


def work(tmp_path: Path, seed: str, text: str = POD.replace("${model.name}", "mine")) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "map.yaml").write_text(text)
    if seed:
        (folder / "seed.yaml").write_text(seed)
    return folder


def test_a_submission_knows_its_case(lab: Lab, tmp_path: Path) -> None:
    submission = load(lab, work(tmp_path, "seed: k7f3"))
    drawn = drawn_for(lab, "k7f3")
    assert submission.drawn == drawn
    assert submission.start is not None
    assert submission.start.manifests[0].name == drawn["model"]["name"]
    assert [manifest.name for manifest in submission.manifests] == ["mine"]
    assert submission.problems == ()


@pytest.mark.parametrize("seed", ["", "seed:", "seed: Not/A/Seed", "sead: x", "[]"])
def test_without_a_seed_nothing_can_be_judged(lab: Lab, tmp_path: Path, seed: str) -> None:
    with pytest.raises(SubmissionError, match=r"seed\.yaml"):
        load(lab, work(tmp_path, seed))


def test_numbers_are_seeds_too(lab: Lab, tmp_path: Path) -> None:
    folder = work(tmp_path, "seed: 4711")
    assert load(lab, folder).drawn["seed"] == "4711"
    assert seed_of(folder) == "4711"


def test_a_folder_is_filled_in_place(lab: Lab) -> None:
    fill_folder(lab, lab.starter, "k7f3")
    assert seed_of(lab.starter) == "k7f3"
    assert "${" not in (lab.starter / "map.yaml").read_text()


def test_a_lab_without_choices_is_a_fault_of_the_course(lab: Lab) -> None:
    (lab.root / "draws.yaml").write_text("model: ranker\n")
    with pytest.raises(CourseError, match="list of choices"):
        drawn_for(lab, "a")


def test_the_choices_belong_to_the_digest(lab: Lab) -> None:
    before = lab.digest
    (lab.root / "draws.yaml").write_text(DRAWS + "  - {name: third}\n")
    assert lab.model_copy().digest != before or a_lab(root=lab.root, seeded=True).digest != before


def test_new_seeds_are_seeds() -> None:
    seeds = {new_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert all(SEED.match(seed) for seed in seeds)
