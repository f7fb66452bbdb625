"""Classes as Moodle and Canvas export them, and names that break pages, tables and files."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.model import Capabilities
from grader.classroom.desk import Desk
from grader.classroom.handed_in import case_of_handed_in, find_handed_in, left_out
from grader.classroom.run import ClassOptions, grade_class
from grader.errors import UsageError
from grader.grading.grade import Options, grade
from grader.load import load_submission
from grader.load.labs import find_lab
from grader.model.recording import Recording
from grader.model.result import Result

LAB = find_lab("14")
FILES_ONLY = ClassOptions(where="none")


def solution() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in LAB.solution.glob("*.yaml")}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def put_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def notebook() -> bytes:
    cells = [
        {"cell_type": "code", "source": f"\n\n%%manifest {name}\n{data.decode()}"}
        for name, data in solution().items()
    ]
    return json.dumps({"cells": cells}).encode()


def graded(folder: Path, tmp_path: Path) -> dict[str, Result]:
    desk = Desk(tmp_path / "graded")
    report = grade_class(LAB, find_handed_in(folder, LAB), desk, FILES_ONLY)
    for result in report.results:
        assert json.loads(result.model_dump_json())
    return {result.submission: result for result in report.results}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    put(folder / "Ada_1_assignsubmission_file_", solution())
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"abgabe.zip": {f"lab 14/{name}": data for name, data in solution().items()}},
        {"deep/er/a.zip": solution(), "notes.txt": b"x", "__MACOSX/._x.yaml": b"\0"},
        {"my lab (1).ipynb": notebook(), "__MACOSX/._my lab (1).yaml": b"\0"},
        {f"{LAB.id}.ipynb": notebook(), "Untitled.ipynb": b"{}"},
        {"nb.zip": {"k8s/lab.ipynb": notebook(), "k8s/.ipynb_checkpoints/lab.ipynb": b"{}"}},
    ],
)
def test_what_counts_in_a_folder_without_manifests(
    folder: Path, tmp_path: Path, files: dict[str, bytes | dict[str, bytes]]
) -> None:
    """Moodle puts the file that a learner gave, an archive say, into a folder of its own."""
    learner = folder / "Jürgen Groß_2_assignsubmission_file_"
    for name, data in files.items():
        if isinstance(data, dict):
            put_zip(learner / name, data)
        else:
            put(learner, {name: data})
    results = graded(folder, tmp_path)
    assert all(result.passed for result in results.values()), results
    assert learner.name in results


def test_two_archives_of_a_learner_are_a_question(folder: Path) -> None:
    for name in ("first.zip", "second.zip"):
        put_zip(folder / "ben" / name, solution())
    with pytest.raises(UsageError, match=r"ben holds both first\.zip and second\.zip"):
        find_handed_in(folder, LAB)


def test_an_archive_without_work_says_so(tmp_path: Path) -> None:
    put_zip(tmp_path / "in" / "ben.zip", {"notes.txt": b"x"})
    (entry,) = find_handed_in(tmp_path / "in", LAB)
    case = case_of_handed_in(LAB, entry, tmp_path)
    assert case.unreadable == (
        "ben.zip: The archive holds no manifest (.yaml, .yml or .json) and no notebook."
    )


def test_files_that_canvas_has_taken_apart_are_a_question(tmp_path: Path) -> None:
    put(tmp_path, {"lovelace_LATE_47_9_a.yaml": b"", "lovelace_47_10_b.yaml": b""})
    with pytest.raises(UsageError, match="files of one learner, as Canvas names them"):
        find_handed_in(tmp_path, LAB)
    (tmp_path / "lovelace_47_10_b.yaml").rename(tmp_path / "hopper_48_10_b.yaml")
    assert len(find_handed_in(tmp_path, LAB)) == 2


def test_nothing_is_left_out_unseen(folder: Path) -> None:
    put(folder, {"wordy.docx": b"x", ".DS_Store": b"x", "Thumbs.db": b"x", "odd.rar": b"Rar!"})
    (folder / "gone.yaml").symlink_to("/nowhere")
    (folder / "Ada_1_assignsubmission_onlinetext_").mkdir()
    assert left_out(folder) == ["Ada_1_assignsubmission_onlinetext_", "gone.yaml", "wordy.docx"]
    assert [entry.name for entry in find_handed_in(folder, LAB)] == [
        "Ada_1_assignsubmission_file_",
        "odd",
    ]


def test_odd_names_stop_nobody(folder: Path, tmp_path: Path) -> None:
    latin = os.fsdecode(b"J\xfcrgen")
    odd = [latin, "n" * 250, "new\nline", "\x1b[31mred", "\n=1+1", "＝1+1", "半" * 80]
    for name in odd:
        put(folder / name, solution())
    results = graded(folder, tmp_path)
    assert all(result.passed for result in results.values())
    assert "Jürgen" in results
    assert len(results) == len(odd) + 1
    assert not any(ord(char) < 32 for name in results for char in name)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "graded" / "grades.csv").read_text())))
    assert sum(row["learner"].startswith("'＝") for row in rows) == 1
    pages = {path.name for path in (tmp_path / "graded" / "reports").iterdir()}
    assert len(pages) == len(results)


def test_names_that_look_the_same_are_a_question(folder: Path) -> None:
    put(folder / "jos\u00e9", solution())
    put(folder / "jose\u0301", solution())
    with pytest.raises(UsageError, match="both handed in by"):
        find_handed_in(folder, LAB)


def test_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    latin = os.fsdecode(b"J\xfcrgen")
    put(tmp_path / latin, {f"{latin}-{name}": data for name, data in solution().items()})
    file = tmp_path / latin / f"{latin}-deployment.yaml"
    file.write_text(file.read_text().replace("containerPort", "containerPotr"))
    result = grade(LAB, tmp_path / latin, Options(where="none"))
    assert json.loads(result.model_dump_json())["submission"] == "Jürgen"
    assert result.problems[0].startswith("Jürgen-deployment.yaml:")


def test_what_the_system_refuses_is_no_zero(folder: Path, tmp_path: Path) -> None:
    """Another user's file, for one: no right to read it says nothing about what is in it."""
    put(folder / "ben", solution())
    (folder / "ben" / "service.yaml").chmod(0)
    if os.access(folder / "ben" / "service.yaml", os.R_OK):
        pytest.skip("root may read everything")
    put(folder / "cem", solution())
    (folder / "cem").chmod(0)
    results = graded(folder, tmp_path)
    (folder / "cem").chmod(0o700)
    assert results["Ada_1_assignsubmission_file_"].passed
    for name in ("ben", "cem"):
        assert not results[name].complete
        assert {check.status for check in results[name].checks} == {"error"}


def test_a_disk_that_is_too_small_is_no_zero(folder: Path, tmp_path: Path) -> None:
    """What cannot be unpacked here has no verdict; the rest of the class has."""
    put_zip(folder / "ben.zip", solution())
    entries = find_handed_in(folder, LAB)
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    cases = [case_of_handed_in(LAB, entry, nowhere) for entry in entries]
    assert [bool(case.fault) for case in cases] == [False, True]
    assert not any(case.unreadable for case in cases)


def test_a_desk_belongs_to_one_lab(folder: Path, tmp_path: Path) -> None:
    other = find_lab("02")
    graded(folder, tmp_path)
    desk = Desk(tmp_path / "graded")
    with pytest.raises(UsageError, match="holds a class of lab 14-local-inference-mock"):
        grade_class(other, find_handed_in(folder, other), desk, FILES_ONLY)


def test_a_desk_where_nothing_can_be_written_is_said_before_anything_is_played(
    folder: Path,
) -> None:
    with pytest.raises(ClusterError, match="Cannot create the folder /proc/desk"):
        grade_class(LAB, find_handed_in(folder, LAB), Desk(Path("/proc/desk")), ClassOptions())


def test_only_a_recording_of_this_lab_and_cluster_is_taken_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    digest = load_submission(LAB.solution).digest
    recording = Recording(
        lab=LAB.id,
        lab_digest=LAB.digest,
        submission="ada",
        submission_digest=digest,
        provider="embedded",
        kubernetes="v1.35.4",
        capabilities=Capabilities(),
        namespaces=("ml-k8s-lab",),
        started="2027-01-01T00:00:00Z",
        seconds=1.0,
    )
    desk.keep_recording(recording, "ada")
    assert desk.recorded("ada", digest, LAB.id)
    assert desk.recorded("ada", digest, LAB.id, "embedded")
    assert desk.recorded("ada", digest, LAB.id, "kind") is None
    assert desk.recorded("ada", digest, find_lab("02").id) is None
