"""Finds and reads the files of a submission, without trusting them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from grader.errors import MachineError, SubmissionError, UsageError
from grader.load.limits import (
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    Budget,
    human,
)
from grader.load.text import shown

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_RIGHTS = "Give yourself the right to read it (chmod u+r), and run the same command again."
_SKIPPED = frozenset({"__pycache__", "node_modules", "venv"})
_START = "`mlk8s start` copies a lab's starter files into your work folder."
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


def read_files(path: Path, budget: Budget) -> list[tuple[str, bytes]]:
    """Each manifest file below `path` (or `path` itself) as relative name and bytes, in order.

    UsageError where there is nothing to read; SubmissionError where a file is too large, is
    something other than a file, or is a link that leads out of the folder; MachineError where the
    system refuses a file, which is no fault of whoever wrote it.
    """
    if path.is_file():
        return [(shown(path.name), _read(path.resolve(), path.name, budget))]
    if not path.is_dir():
        kind = "is neither a file nor a folder" if os.path.lexists(path) else "does not exist"
        raise UsageError(f"The submission {shown(str(path))} {kind}.", _START)
    root = path.resolve()
    names = sorted(_find(root, path), key=lambda name: name.split("/"))
    if not names:
        raise UsageError(
            f"The folder {shown(str(path))} holds no manifest (.yaml, .yml or .json).", _START
        )
    return [(shown(name), _read(_inside(root, name), name, budget)) for name in names]


def _find(root: Path, shown: Path) -> Iterator[str]:
    """Relative names of the manifest files below `root`; folders that are links are not entered."""
    seen = count = 0
    todo = [""]
    while todo:
        prefix = todo.pop()
        with _listed(root / prefix) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_ENTRIES or count > MAX_FILES:
                    raise UsageError(
                        f"The folder {shown} holds too many files to be a submission.",
                        "Name the folder that holds only your manifests.",
                    )
                if entry.name.startswith(".") or entry.name in _SKIPPED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    todo.append(f"{prefix}{entry.name}/")
                elif Path(entry.name).suffix.lower() in SUFFIXES and not _leads_to_folder(entry):
                    count += 1
                    yield prefix + entry.name


def _listed(folder: Path) -> os._ScandirIterator[str]:
    try:
        return os.scandir(folder)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise MachineError(f"{shown(str(folder))} cannot be read: {reason}.", _RIGHTS) from error


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False


def _inside(root: Path, name: str) -> Path:
    """The file itself, with links resolved; SubmissionError where one leads out of `root`."""
    say = shown(name)
    try:
        real = (root / name).resolve(strict=True)
    except (OSError, RuntimeError):
        raise SubmissionError("The link leads to no file.", where=say) from None
    if not real.is_relative_to(root):
        raise SubmissionError(
            "The link leads out of the submission's folder.",
            "Put a copy of the file in its place.",
            say,
        )
    return real


def _read(path: Path, name: str, budget: Budget) -> bytes:
    """The bytes of a regular file; its size is known to be small before anything is read."""
    name = shown(name)
    try:
        handle = os.open(path, _READ_FLAGS)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT):
            raise SubmissionError(f"The file cannot be read: {reason}.", where=name) from None
        raise MachineError(f"{name} cannot be read: {reason}.", _RIGHTS) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SubmissionError("This is not a regular file.", where=name)
        if status.st_size <= MAX_FILE_BYTES:
            data = file.read(MAX_FILE_BYTES + 1)
        if status.st_size > MAX_FILE_BYTES or len(data) > MAX_FILE_BYTES:
            raise SubmissionError(
                f"The file is too large: {human(status.st_size)}, "
                f"where a manifest may have {human(MAX_FILE_BYTES)}.",
                where=name,
            )
    budget.bytes += len(data)
    if budget.bytes > MAX_TOTAL_BYTES:
        raise SubmissionError(
            f"The submission is too large: more than {human(MAX_TOTAL_BYTES)} in all.", where=name
        )
    return data
