"""Forms: files of a submission that are not Kubernetes objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.manifests import Manifests
from grader.load import from_sources, load_submission
from grader.model.manifest import Submission

FORM = """\
situations:
  burst: {choice: hpa, because: replicas add capacity}
"""
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: lab}\n"


def loaded(folder: Path, forms: tuple[str, ...] = ("decisions.*", "diagnosis/*")) -> Submission:
    return load_submission(folder, namespaces=["lab"], forms=forms)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "decisions.yaml").write_text(FORM)
    (tmp_path / "object.yaml").write_text(OBJECT)
    return tmp_path


def test_a_form_is_read_apart_from_the_objects(folder: Path) -> None:
    submission = loaded(folder)
    assert not submission.problems
    assert [str(manifest) for manifest in submission.manifests] == ["ConfigMap/a"]
    form = Manifests(submission).form("decisions.yaml")
    field = form.field("situations.burst.choice").equals("hpa")
    assert (field.where, field.name) == (
        "decisions.yaml:2",
        "decisions.yaml situations.burst.choice",
    )
    with pytest.raises(CheckFailed, match="decisions"):
        form.field("situations.spot.choice").is_set()


def test_a_file_that_the_lab_does_not_name_is_no_form(folder: Path) -> None:
    problems = loaded(folder, forms=()).problems
    assert {problem.place.file for problem in problems} == {"decisions.yaml"}


@pytest.mark.parametrize("name", ["decisions.yml", "decisions.json"])
def test_other_endings_are_as_good(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"situations": {"burst": {"choice": "hpa"}}}')
    Manifests(loaded(tmp_path)).form("decisions.yaml").field("situations.burst.choice").equals(
        "hpa"
    )


def test_a_missing_form_is_named_with_those_that_are_there(folder: Path) -> None:
    with pytest.raises(CheckFailed) as failed:
        Manifests(loaded(folder)).form("costs.yaml")
    assert failed.value.observed == "decisions.yaml"


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", f"{FORM}---\n{FORM}"])
def test_what_is_no_form_is_a_problem_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "diagnosis").mkdir()
    (tmp_path / "diagnosis" / "one.yaml").write_text(text)
    (problem,) = loaded(tmp_path).problems
    assert problem.kind == "not-a-form"
    assert problem.place.file == "diagnosis/one.yaml"


def test_a_recording_gives_the_same_forms(folder: Path) -> None:
    first = loaded(folder)
    again = from_sources(
        first.name, first.sources, namespaces=["lab"], forms=("decisions.*", "diagnosis/*")
    )
    assert again.digest == first.digest
    assert [(form.file, form.value) for form in again.forms] == [
        (form.file, form.value) for form in first.forms
    ]
