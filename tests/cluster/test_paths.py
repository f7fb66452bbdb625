from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.paths import cache_dir, home_dir, make_dir, write_whole


def test_the_environment_chooses_the_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLK8S_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "h"))
    assert (cache_dir(), home_dir()) == (tmp_path / "c", tmp_path / "h")
    monkeypatch.setenv("MLK8S_CACHE", "~/c")
    assert cache_dir() == Path.home() / "c"


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_whole(path, "new", 0o600)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cluster.paths.os.fdopen", full)
    with pytest.raises(ClusterError, match="No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="Cannot create the folder"):
        make_dir(tmp_path / "file" / "folder")
