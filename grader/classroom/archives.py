"""Archives that learners hand in, unpacked without trusting them.

Only manifests and notebooks are taken out. Links, devices and paths that lead outside are refused;
names and bytes are bounded before anything is written, so that a small file cannot become a large
disk.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from grader.errors import MachineError, SubmissionError
from grader.load.cells import LARGEST as LARGEST_NOTEBOOK
from grader.load.cells import NOTEBOOK
from grader.load.files import SUFFIXES
from grader.load.limits import MAX_ENTRIES, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES, human
from grader.load.text import shown

ENDINGS = (
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
    *(".rar", ".7z", ".tar.zst"),  # refused with a reason: left out, they would be lost unseen
)
_FOREIGN = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"(\xb5/\xfd": "Zstandard"}
_MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes that a whole archive may unpack to, the files that nobody asked for included."""

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,  # a zip with a password
    ValueError,
)


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive, of which `unpack` reads most and refuses the rest."""
    return path.name.lower().endswith(ENDINGS)


def unpack(archive: Path, into: Path) -> Path:
    """Write the archive's manifests and notebooks below `into`, and return their folder.

    SubmissionError for an archive that is damaged, too large or hostile; MachineError where the
    disk refuses.
    """
    taken = total = notebooks = 0
    content = io.BytesIO(_content(archive))
    try:
        for name, data in _members(archive, content):
            taken += 1
            if _is_notebook(name):
                notebooks += len(data)
            else:
                total += len(data)
            if taken > MAX_FILES or total > MAX_TOTAL_BYTES or notebooks > LARGEST_NOTEBOOK:
                raise _refused(archive, "it holds more than a submission may")
            _write(into / _inside(name, archive), data)
    except _DAMAGED as error:
        raise _refused(archive, f"it is damaged or of another kind ({error})") from error
    except OSError as error:  # of a decompressor: what it reads is in memory already
        raise _refused(archive, f"it is damaged ({error})") from error
    return _innermost(into)


def _content(archive: Path) -> bytes:
    try:
        if archive.stat().st_size > _MOST_UNPACKED:
            raise _refused(archive, f"it is larger than {human(_MOST_UNPACKED)}")
        return archive.read_bytes()
    except OSError as error:
        raise MachineError(f"{archive} cannot be read: {error.strerror or error}.") from error


def _members(archive: Path, content: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    head = content.read(4)
    content.seek(0)
    if head in _FOREIGN:
        raise _refused(archive, f"it is {_FOREIGN[head]}, where .zip and .tar.gz are read")
    if head.startswith(b"PK"):
        yield from _zipped(archive, content)
    else:
        yield from _tarred(archive, content)


def _zipped(archive: Path, content: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(content) as opened:
        members = opened.infolist()
        if len(members) > MAX_ENTRIES:
            raise _refused(archive, f"it holds more than {MAX_ENTRIES} names")
        for member in members:
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _refused(archive, f"{member.filename} is a link")
            if not member.is_dir() and _is_wanted(member.filename):
                with opened.open(member) as stream:
                    data = _bounded_read(stream, archive, member.filename)
                # Some Windows programs divide folders by the other slash.
                yield member.filename.replace("\\", "/"), data


def _tarred(archive: Path, content: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    stream = _Bounded(_decompressed(content), archive)
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as opened:
        for count, member in enumerate(opened):
            if count >= MAX_ENTRIES:
                raise _refused(archive, f"it holds more than {MAX_ENTRIES} names")
            if member.isdir() or not _is_wanted(member.name):
                continue
            if not member.isreg():
                raise _refused(archive, f"{member.name} is a link or a device")
            file = opened.extractfile(member)
            if file is not None:
                yield member.name, _bounded_read(file, archive, member.name)


def _decompressed(raw: IO[bytes]) -> IO[bytes]:
    """The tar inside, by its first bytes: a wrong ending on the name is no reason to refuse."""
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if head.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if head == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    return raw


class _Bounded:
    """A stream that ends the reading of an archive which unpacks to too much."""

    def __init__(self, stream: IO[bytes], archive: Path) -> None:
        self._stream = stream
        self._archive = archive
        self._left = _MOST_UNPACKED

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _refused(self._archive, f"it unpacks to more than {human(_MOST_UNPACKED)}")
        return data


def _bounded_read(stream: IO[bytes], archive: Path, name: str) -> bytes:
    most = LARGEST_NOTEBOOK if _is_notebook(name) else MAX_FILE_BYTES
    data = stream.read(most + 1)
    if len(data) > most:
        raise _refused(archive, f"{name} is larger than {human(most)}")
    return data


def _is_wanted(name: str) -> bool:
    """What no system put there: archives of macOS hold a `__MACOSX` twin of each file."""
    path = PurePosixPath(name.replace("\\", "/"))
    hidden = any(part.startswith(".") and part not in (".", "..") for part in path.parts)
    wanted = path.suffix.lower() in {*SUFFIXES, NOTEBOOK}
    return wanted and not hidden and "__MACOSX" not in path.parts


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(NOTEBOOK)


def _inside(name: str, archive: Path) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise _refused(archive, f"the path {name!r} leads out of it")
    return Path(*path.parts)


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise ValueError("one path is both a file and a folder") from error
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ):
            raise ValueError("a name in it is too long or no name for a file") from error
        raise MachineError(f"{target} cannot be written: {error.strerror or error}.") from error


def _innermost(folder: Path) -> Path:
    """The folder itself, or the only folder in it, as most archives of a folder have one."""
    if not folder.is_dir():
        return folder
    entries = list(folder.iterdir())
    while len(entries) == 1 and entries[0].is_dir():
        folder = entries[0]
        entries = list(folder.iterdir())
    return folder


def _refused(archive: Path, why: str) -> SubmissionError:
    return SubmissionError(
        f"The archive cannot be read: {shown(why)}.",
        "Hand in the folder again.",
        shown(archive.name),
    )
