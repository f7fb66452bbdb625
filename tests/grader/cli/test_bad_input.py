"""Whatever a person gives: one clear sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from grader.load.labs import course_root
from tests.grader.cli.helpers import mlk8s

SOLUTION = course_root() / "solutions" / "14-local-inference-mock"
Capsys = pytest.CaptureFixture[str]

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in pairwise("abcdefghi")
)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A right submission, to be spoilt."""
    target = tmp_path / "work"
    shutil.copytree(SOLUTION, target)
    return target


def check(capsys: Capsys, path: Path, *more: str):
    return mlk8s(capsys, "check", "14", "--cluster", "none", "-s", str(path), *more)


def test_no_such_lab_names_the_nearest(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "check", "local-inferense-mock", "--cluster", "none")
    assert outcome.code == 2
    assert "Did you mean local-inference-mock?" in outcome.words


@pytest.mark.parametrize("name", ["14", "local-inference-mock", "14-local-inference-mock"])
def test_a_lab_has_three_names(capsys: Capsys, name: str) -> None:
    outcome = mlk8s(capsys, "check", name, "--cluster", "none", "-s", str(SOLUTION))
    assert outcome.code == 0


def test_missing_submission(capsys: Capsys, tmp_path: Path) -> None:
    outcome = check(capsys, tmp_path / "nowhere")
    assert outcome.code == 2
    assert "nowhere" in outcome.words


def test_no_work_folder_says_how_to_begin(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = mlk8s(capsys, "check", "14", "--cluster", "none")
    assert outcome.code == 2
    assert "mlk8s start 14" in outcome.words


def test_empty_folder(capsys: Capsys, tmp_path: Path) -> None:
    outcome = check(capsys, tmp_path)
    assert outcome.code == 2
    assert "no manifest" in outcome.words


def test_unknown_cluster(capsys: Capsys) -> None:
    outcome = mlk8s(capsys, "check", "14", "--cluster", "cloud", "-s", str(SOLUTION))
    assert outcome.code == 2
    assert "no cluster 'cloud'" in outcome.words


def test_unknown_option(capsys: Capsys) -> None:
    assert mlk8s(capsys, "check", "14", "--fast").code == 2


def test_binary_file(capsys: Capsys, work: Path) -> None:
    (work / "extra.yaml").write_bytes(b"\x7fELF\x00\x01\x02\xff")
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "extra.yaml" in outcome.words


def test_invalid_yaml_names_the_line(capsys: Capsys, work: Path) -> None:
    (work / "service.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata\n  name: x\n")
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "service.yaml:" in outcome.words


def test_huge_file_is_not_read(capsys: Capsys, work: Path) -> None:
    with (work / "huge.yaml").open("wb") as stream:
        stream.truncate(100 * 2**20)
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "huge.yaml" in outcome.words


def test_yaml_bomb(capsys: Capsys, work: Path) -> None:
    (work / "bomb.yaml").write_text(BOMB)
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "bomb.yaml" in outcome.words


def test_foreign_namespace(capsys: Capsys, work: Path) -> None:
    path = work / "service.yaml"
    path.write_text(path.read_text().replace("namespace: ml-k8s-lab", "namespace: kube-system"))
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "kube-system" in outcome.words


def test_kind_outside_the_allow_list(capsys: Capsys, work: Path) -> None:
    (work / "admin.yaml").write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n"
        "metadata: {name: me}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole,"
        " name: cluster-admin}\n"
    )
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "ClusterRoleBinding" in outcome.words


def test_an_unreadable_submission_still_gives_one_json_document(capsys: Capsys, work: Path) -> None:
    (work / "bomb.yaml").write_text(BOMB)
    outcome = check(capsys, work, "--json")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert {check["status"] for check in document["checks"]} == {"blocked"}
    assert document["score"] == 0
    assert "bomb.yaml" in document["problems"][0]


def test_no_recording(capsys: Capsys, tmp_path: Path) -> None:
    outcome = mlk8s(capsys, "judge", str(tmp_path / "x.mlk8s-recording"))
    assert outcome.code == 2


def test_a_file_that_is_no_recording(capsys: Capsys, tmp_path: Path) -> None:
    path = tmp_path / "x.mlk8s-recording"
    path.write_text("hello")
    outcome = mlk8s(capsys, "judge", str(path))
    assert outcome.code in (2, 3)
    assert "x.mlk8s-recording" in outcome.words
