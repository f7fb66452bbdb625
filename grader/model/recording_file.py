"""A recording as one file: gzip over JSON lines, written whole or not at all.

docs/recording-format.md describes the format for other readers.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from cluster.model import Capabilities
from grader.errors import CourseError, MachineError, UsageError
from grader.model.recording import FORMAT, LISTS, Answer, Change, Gap, Log, Mark, Recording, Sample

Json = dict[str, Any]

LONGEST_LINE = 32 * 1024 * 1024
LARGEST = 512 * 1024 * 1024
"""Bytes of JSON that a recording may unpack to."""

_COMPRESSION = 5
_FORMAT = re.compile(r"mlk8s-recording/(\d+)")
_READ = ("mlk8s-recording/1", FORMAT)
"""Formats that are understood. The first one had neither samples nor who asked, and where."""


def write_recording(recording: Recording, path: Path) -> None:
    """Write the file; an older one of that name stays until the new one is complete.

    Raises MachineError when it cannot be written; then nothing is left behind.
    """
    temporary = path.parent / f".{path.name[:200]}-{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as file:
            with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as packed:
                packed.write("".join(_lines(recording)).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else error.strerror or str(error)
        raise MachineError(
            f"The recording could not be written to {path}: {why}.",
            "Free some space and run the same command again." if full else "",
        ) from error
    finally:
        # After a success there is nothing of that name any more.
        with contextlib.suppress(OSError):
            temporary.unlink()


def _lines(recording: Recording) -> Iterator[str]:
    """Header, entries list by list, and the line that proves that nothing is missing."""
    yield _line(recording.header())
    for path, text in recording.sources:
        yield _line({"type": "source", "path": path, "text": text})
    entries: chain[Change | Mark | Answer | Log | Gap | Sample] = chain(
        recording.marks,
        recording.changes,
        recording.answers,
        recording.logs,
        recording.gaps,
        recording.samples,
    )
    for entry in entries:
        fields = {name: getattr(entry, name) for name in entry.__slots__}
        yield _line({"type": type(entry).__name__.lower(), **fields})
    counts = {name: len(getattr(recording, name)) for name in LISTS}
    yield _line({"type": "end", **counts})


def _line(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n"


def read_recording(path: Path) -> Recording:
    """Read a file that `write_recording` wrote.

    Raises UsageError for a file that is missing or no recording of ours, CourseError for one that
    is damaged, MachineError when the disk fails.
    """
    try:
        with path.open("rb") as file:
            return _Reader(path).read(file)
    except FileNotFoundError as error:
        raise UsageError(f"There is no recording {path}.") from error
    except IsADirectoryError as error:
        raise UsageError(
            f"{path} is a folder, not a recording.", f"Name what is in it: {path}/*.mlk8s-recording"
        ) from error
    except gzip.BadGzipFile as error:
        raise CourseError(f"The recording {path} is damaged.", _AGAIN) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise MachineError(f"The recording {path} could not be read: {why}.") from error


_AGAIN = "Make the recording again."


class _Reader:
    """Reads one file, line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def read(self, file: BinaryIO) -> Recording:
        """The whole recording, or the error that says what is wrong."""
        if file.read(2) != b"\x1f\x8b":
            raise self._foreign()
        file.seek(0)
        with gzip.GzipFile("", "rb", fileobj=file) as packed:
            try:
                recording = self._header(packed.readline(LONGEST_LINE))
                self._entries(packed, recording)
            except (EOFError, zlib.error) as error:
                raise self._damaged("it ends in the middle") from error
        return recording

    def _foreign(self) -> UsageError:
        return UsageError(f"{self._path} is not a recording of mlk8s.")

    def _damaged(self, why: str) -> CourseError:
        return CourseError(f"The recording {self._path} is damaged: {why}.", _AGAIN)

    def _header(self, line: bytes) -> Recording:
        try:
            header = json.loads(line)
            found = _FORMAT.fullmatch(header.pop("format"))
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise self._foreign() from error
        if found is None:
            raise self._foreign()
        if found.group() not in _READ:
            raise UsageError(
                f"The recording {self._path} has format {found.group()}, but this mlk8s reads "
                f"{' and '.join(_READ)}.",
                "Use the version of mlk8s that wrote it, or a newer one.",
            )
        try:
            header["capabilities"] = Capabilities.model_validate(header["capabilities"])
            header["namespaces"] = tuple(header["namespaces"])
            return Recording(**header)
        except (KeyError, TypeError, ValidationError) as error:
            raise self._damaged("its first line is not complete") from error

    def _entries(self, packed: gzip.GzipFile, recording: Recording) -> None:
        lists: dict[str, Callable[[Json], None]] = {
            "source": lambda e: recording.sources.append((e["path"], e["text"])),
            "mark": lambda e: recording.marks.append(Mark(**e)),
            "change": lambda e: recording.changes.append(Change(**e)),
            "answer": lambda e: recording.answers.append(Answer(**e)),
            "log": lambda e: recording.logs.append(Log(**e)),
            "gap": lambda e: recording.gaps.append(Gap(**e)),
            "sample": lambda e: recording.samples.append(Sample(**e)),
        }
        number = 1
        while line := packed.readline(LONGEST_LINE):
            number += 1
            self._read += len(line)
            if self._read > LARGEST or len(line) >= LONGEST_LINE:
                raise CourseError(f"The recording {self._path} is larger than any run makes it.")
            try:
                entry = json.loads(line)
                kind = entry.pop("type")
                if kind == "end":
                    self._end(packed, recording, entry)
                    return
                lists[kind](entry)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise self._damaged(f"line {number} makes no sense") from error
        raise self._damaged("its end is missing")

    def _end(self, packed: gzip.GzipFile, recording: Recording, counts: Json) -> None:
        # Reading on also checks the checksum at the very end of the file.
        if packed.read(1):
            raise self._damaged("something follows its end")
        for name in LISTS:
            # The first format counts no samples, and has none.
            uncounted = 0 if name == "samples" else None
            if counts.get(name, uncounted) != len(getattr(recording, name)):
                raise self._damaged(f"some of its {name} are missing")
