"""Finding and reading files: order, junk, links, sizes and encodings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import EXIT_FAILED, EXIT_USAGE, SubmissionError, UsageError
from grader.load import load_submission
from grader.load.limits import MAX_FILE_BYTES, MAX_FILES, Budget
from grader.load.text import decode, documents

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def write(folder: Path, name: str, content: str | bytes | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if content is not None else CONFIG % path.stem.lower()
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refusal(path: Path) -> SubmissionError:
    with pytest.raises(SubmissionError) as caught:
        load_submission(path)
    assert caught.value.exit_code == EXIT_FAILED
    return caught.value


def test_a_folder_is_read_in_order_without_its_junk(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/c.JSON", "sub/deep/d.yaml", "z.yaml"):
        write(tmp_path, name)
    for name in (
        "README.md",
        ".hidden.yaml",
        ".ipynb_checkpoints/a-checkpoint.yaml",
        "__pycache__/x.yaml",
        "notes.txt",
        "sub/.git/config.yaml",
        "node_modules/p/q.json",
    ):
        write(tmp_path, name, "not: [valid")
    submission = load_submission(tmp_path)
    assert [s.path for s in submission.sources] == [
        "a.yml",
        "b.yaml",
        "sub/c.JSON",
        "sub/deep/d.yaml",
        "z.yaml",
    ]
    assert [m.name for m in submission.manifests] == ["a", "b", "c", "d", "z"]
    assert submission.name == tmp_path.name
    assert submission.problems == ()


def test_one_file_is_a_submission(tmp_path: Path) -> None:
    path = write(tmp_path, "only.txt", CONFIG % "only")
    submission = load_submission(path, name="ada")
    assert submission.name == "ada"
    assert str(submission.manifests[0].place) == "only.txt:1"


@pytest.mark.parametrize("name", ["missing", "missing.yaml"])
def test_a_missing_path_is_wrong_use(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="does not exist") as caught:
        load_submission(tmp_path / name)
    assert caught.value.exit_code == EXIT_USAGE
    assert "mlk8s start" in caught.value.hint


def test_a_folder_without_manifests_is_wrong_use(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "hello")
    with pytest.raises(UsageError, match="no manifest") as caught:
        load_submission(tmp_path)
    assert "mlk8s start" in caught.value.hint


@pytest.mark.parametrize("content", ["", "# to do\n", "---\n---\n", "null\n"])
def test_files_without_any_object_are_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, "a.yaml", content)
    error = refusal(tmp_path)
    assert "no Kubernetes object" in error.message
    assert error.where == "a.yaml"


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    error = refusal(tmp_path)
    assert "100 MiB" in error.message
    assert error.where == "huge.yaml"


def test_many_large_files_are_refused(tmp_path: Path) -> None:
    text = CONFIG % "big" + "data:\n  x: '" + "x" * (MAX_FILE_BYTES - 200) + "'\n"
    for number in range(5):
        write(tmp_path, f"{number}.yaml", text)
    assert "in all" in refusal(tmp_path).message


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 2):
        (tmp_path / f"{number}.yaml").touch()
    with pytest.raises(UsageError, match="too many files"):
        load_submission(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = write(tmp_path, "outside/secret.yaml", "password: hunter2")
    folder = tmp_path / "work"
    write(folder, "a.yaml")
    (folder / "b.yaml").symlink_to(secret)
    error = refusal(folder)
    assert "leads out" in error.message
    assert error.where == "b.yaml"
    assert "hunter2" not in str(error)


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert [p.kind for p in load_submission(tmp_path).problems] == ["duplicate-object"]


def test_folders_that_are_links_are_not_entered(tmp_path: Path) -> None:
    write(tmp_path, "outside/x.yaml")
    write(tmp_path, "work/a.yaml")
    (tmp_path / "work/loop").symlink_to(tmp_path / "work")
    (tmp_path / "work/out.yaml").symlink_to(tmp_path / "outside")
    assert [s.path for s in load_submission(tmp_path / "work").sources] == ["a.yaml"]


@pytest.mark.parametrize("target", ["nowhere.yaml", "self.yaml"])
def test_a_broken_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "self.yaml").symlink_to(target)
    assert "no file" in refusal(tmp_path).message


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert "not a regular file" in refusal(tmp_path).message


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"\x7fELF\x02\x01\x01\0\0\0", 1, "binary"),
        (b"PK\x03\x04\0\0\0\x08", 1, "binary"),
        (b"\x1f\x8b\x08\0abc\xff", 1, "binary"),
        (b"a: 1\nb: \xe9t\xe9\n", 2, "UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "UTF-16"),
        ("a: 1\n".encode("utf-16-le"), 1, "binary"),
        (b"a: 1\nb: \x07\n", 2, "control character 7"),
        (b"a: [\n", 2, "value is missing"),
    ],
)
def test_what_is_no_text_is_said_with_its_line(
    tmp_path: Path, data: bytes, line: int, words: str
) -> None:
    write(tmp_path, "bad.yaml", data)
    error = refusal(tmp_path)
    assert error.where in (f"bad.yaml:{line}", "bad.yaml:1")
    assert words in error.message


def test_a_utf_8_mark_is_no_obstacle(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", b"\xef\xbb\xbf" + (CONFIG % "a").encode())
    assert load_submission(tmp_path).manifests[0].name == "a"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    refused = None
    try:
        documents(decode(data, "f.yaml"), "f.yaml", Budget())
    except SubmissionError as error:
        refused = error
    assert refused is None or refused.where.startswith("f.yaml")
