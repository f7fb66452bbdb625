"""Whatever a person gives: one clear sentence, the right exit code, no traceback."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from cluster.model import Capabilities
from grader.load.labs import course_root, find_lab
from grader.model.recording import Recording
from grader.model.recording_file import write_recording
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


def test_a_folder_without_its_option_is_told_which(capsys: Capsys, tmp_path: Path) -> None:
    outcome = mlk8s(capsys, "check", "14", str(tmp_path))
    assert outcome.code == 2
    assert "--submission" in outcome.words


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


def test_what_a_learner_wrote_moves_no_cursor(capsys: Capsys, work: Path) -> None:
    path = work / "deployment.yaml"
    path.write_text(re.sub("replicas: .*", r'replicas: "\\e[31mRED\\a"', path.read_text()))
    outcome = check(capsys, work)
    assert outcome.code == 1
    assert "RED" in outcome.out
    assert "\x1b" not in outcome.out
    assert "\x07" not in outcome.out


def test_a_class_has_no_cluster_of_somebody_else(capsys: Capsys, tmp_path: Path) -> None:
    for where in ("cloud", "context:prod"):
        outcome = mlk8s(capsys, "class", "14", str(tmp_path), "--cluster", where)
        assert outcome.code == 2
        assert "Choose auto, embedded, kind, none." in outcome.words


def test_what_was_left_out_of_a_class_is_said(capsys: Capsys, work: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(work, folder / "ada")
    (folder / "ben.docx").write_text("x")
    words = ("class", "14", str(folder), "-o", str(tmp_path / "out"), "--cluster", "none")
    for more in ((), ("--json",)):
        outcome = mlk8s(capsys, *words, *more)
        assert outcome.code == 0
        assert "Left out" in outcome.err
        assert "ben.docx" in outcome.err
    assert json.loads(outcome.out)[0]["submission"] == "ada"


def test_a_damaged_recording_leaves_the_others_their_verdicts(
    capsys: Capsys, tmp_path: Path
) -> None:
    lab = find_lab("14")
    recording = Recording(
        lab=lab.id,
        lab_digest=lab.digest,
        submission="ada",
        submission_digest="",
        provider="embedded",
        kubernetes="v1.35.4",
        capabilities=Capabilities(),
        namespaces=("ml-k8s-lab",),
        started="2027-01-01T00:00:00Z",
        seconds=1.0,
        sources=[(path.name, path.read_text()) for path in sorted(SOLUTION.glob("*.yaml"))],
    )
    write_recording(recording, tmp_path / "ada.mlk8s-recording")
    whole = (tmp_path / "ada.mlk8s-recording").read_bytes()
    (tmp_path / "cut.mlk8s-recording").write_bytes(whole[: len(whole) // 2])
    names = ("cut.mlk8s-recording", "ada.mlk8s-recording", "gone.mlk8s-recording")
    outcome = mlk8s(capsys, "judge", "--json", *(str(tmp_path / name) for name in names))
    assert outcome.code == 3
    assert json.loads(outcome.out)["submission"] == "ada"
    assert "cut.mlk8s-recording is damaged" in outcome.err
    assert "There is no recording" in outcome.err
    folder = mlk8s(capsys, "judge", str(tmp_path))
    assert folder.code == 2
    assert "/*.mlk8s-recording" in folder.err
