from __future__ import annotations

import errno
import gzip
import json
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.model import Capabilities
from grader.errors import CourseError, MachineError, UsageError
from grader.model.recording import Answer, Change, Gap, Log, Mark, Recording, Sample
from grader.model.recording_file import read_recording, write_recording
from tests.grader.observe.samples import a_recording

text = st.text(max_size=12)
seconds = st.floats(0, 1e6, allow_nan=False)
version = st.integers(0, 2**62)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, values, max_size=4)
verbs = st.sampled_from(["present", "added", "modified", "deleted"])
phases = st.sampled_from(["begin", "end"])
recordings = st.builds(
    Recording,
    lab=text,
    lab_digest=text,
    submission=text,
    submission_digest=text,
    provider=text,
    kubernetes=text,
    capabilities=st.builds(Capabilities, time_factor=seconds),
    namespaces=st.lists(text, max_size=3).map(tuple),
    started=text,
    changes=st.lists(st.builds(Change, seconds, version, verbs, objects), max_size=4),
    marks=st.lists(
        st.builds(Mark, seconds, version, text, text, phases, text, objects), max_size=3
    ),
    answers=st.lists(
        st.builds(Answer, seconds, text, text, text, st.integers(0, 599), *[text] * 6),
        max_size=3,
    ),
    logs=st.lists(st.builds(Log, seconds, text, text, text), max_size=2),
    gaps=st.lists(st.builds(Gap, seconds, seconds, text), max_size=2),
    samples=st.lists(st.builds(Sample, seconds, *[text] * 4, seconds), max_size=4),
    sources=st.lists(st.tuples(text, text), max_size=2),
    live=st.booleans(),
    fault=text,
    seconds=seconds,
)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(recording=recordings)
def test_what_is_written_is_read_back(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "some.recording"
    write_recording(recording, path)
    assert read_recording(path) == recording


def test_same_recording_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_recording(a_recording(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_is_readable_without_us(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    write_recording(a_recording(), path)
    with gzip.open(path, "rt") as file:
        lines = [json.loads(line) for line in file]
    assert lines[0]["format"] == "mlk8s-recording/2"
    kinds = [line["type"] for line in lines[1:]]
    assert kinds == [
        *("source", "mark", "mark", "change", "change", "answer", "log", "gap", "sample", "end")
    ]
    assert lines[-1]["changes"] == 2


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    write_recording(a_recording(), path)
    whole = path.read_bytes()
    for length in range(2, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises((CourseError, UsageError)) as caught:
            read_recording(path)
        assert "\n" not in caught.value.message


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    recording = a_recording()
    write_recording(recording, path)
    whole = path.read_bytes()
    for index in range(len(whole)):
        changed = bytearray(whole)
        changed[index] ^= 0x55
        path.write_bytes(bytes(changed))
        try:
            found = read_recording(path)
        except (CourseError, UsageError):
            continue
        assert found == recording, f"byte {index}"


def test_the_first_format_is_still_read(tmp_path: Path) -> None:
    old = replace(a_recording(), samples=[])
    write_recording(old, path := tmp_path / "a.recording")
    with gzip.open(path, "rt") as file:
        lines = [json.loads(line) for line in file]
    lines[0]["format"] = "mlk8s-recording/1"
    for line in lines:
        for field in ("actor", "namespace") if line.get("type") == "answer" else ("samples",):
            line.pop(field, None)
    assert read_recording(_pack(path, *lines)) == old


def _pack(path: Path, *lines: Any) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(
            (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
        )
    return path


def _header(**more: Any) -> dict[str, Any]:
    return {**a_recording().header(), **more}


END = dict.fromkeys(("sources", "marks", "changes", "answers", "logs", "gaps"), 0) | {"type": "end"}


@pytest.mark.parametrize(
    ("lines", "error", "words"),
    [
        (["hello"], UsageError, "not a recording"),
        (["[1, 2]"], UsageError, "not a recording"),
        (["[" * 100_000], UsageError, "not a recording"),
        ([{"format": "tarball/1"}], UsageError, "not a recording"),
        ([_header(format="mlk8s-recording/3"), END], UsageError, "format mlk8s-recording/3"),
        ([{"format": "mlk8s-recording/1"}, END], CourseError, "first line"),
        ([_header(color="red"), END], CourseError, "first line"),
        ([_header()], CourseError, "its end is missing"),
        ([_header(), {"type": "change", "at": 1}, END], CourseError, "line 2"),
        ([_header(), {"type": "surprise"}, END], CourseError, "line 2"),
        ([_header(), "[" * 100_000, END], CourseError, "line 2"),
        ([_header(), {**END, "changes": 3}], CourseError, "changes are missing"),
        ([_header(), END, END], CourseError, "follows its end"),
    ],
)
def test_bad_content(tmp_path: Path, lines: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_recording(_pack(tmp_path / "a.recording", *lines))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no recording"):
        read_recording(tmp_path / "missing")
    with pytest.raises(UsageError, match="is a folder"):
        read_recording(tmp_path)
    (tmp_path / "plain").write_text("kind: Pod\n")
    with pytest.raises(UsageError, match="not a recording"):
        read_recording(tmp_path / "plain")
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match="not a recording"):
        read_recording(tmp_path / "empty")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.model.recording_file.LARGEST", 10_000)
    source = {"type": "source", "path": "a", "text": "x" * 6_000}
    path = _pack(tmp_path / "a.recording", _header(), source, source, source, END)
    with pytest.raises(CourseError, match="larger than any run"):
        read_recording(path)
    monkeypatch.setattr("grader.model.recording_file.LONGEST_LINE", 2_000)
    with pytest.raises(CourseError, match="larger than any run"):
        read_recording(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    write_recording(a_recording(), path)
    old = path.read_bytes()
    big = a_recording()
    big.sources.append(("noise.bin", os.urandom(100_000).hex()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(MachineError, match="the disk is full") as caught:
            write_recording(big, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in caught.value.message
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_errors_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("grader.model.recording_file.os.fsync", fail)
    with pytest.raises(MachineError, match="could not be written"):
        write_recording(a_recording(), tmp_path / "a.recording")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="could not be written"):
        write_recording(a_recording(), tmp_path / "missing" / "a.recording")
