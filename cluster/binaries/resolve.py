"""Find each program, or get it: PATH, the cache, the official download, a build from Go modules."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from cluster.binaries import download
from cluster.binaries.build import Builder, estimate_for
from cluster.binaries.catalog import KNOWN, PROJECTS, TOOLS, Tool, official_source
from cluster.binaries.golang import find_go
from cluster.binaries.verify import is_right, version_of
from cluster.errors import ClusterError, ToolUnavailable
from cluster.model import KUBERNETES_VERSION, Progress, ProgressEvent, silent
from cluster.paths import cache_dir, make_dir


def cached_path(tool: Tool) -> Path:
    """Where the cache keeps this program at its pinned version."""
    project = PROJECTS[tool.project]
    root = cache_dir() / "bin" / KUBERNETES_VERSION
    return root / f"{project.name}-{project.version}" / tool.name


def find(name: str) -> Path | None:
    """A program that is on this machine already; None if it has to be fetched first."""
    tool = KNOWN[name]
    on_path = shutil.which(name)
    if on_path and is_right(tool, Path(on_path)):
        return Path(on_path)
    path = cached_path(tool)
    # Only verified programs are ever put there, by a rename: being there is proof enough.
    return path if path.is_file() else None


def missing(names: Iterable[str] = TOOLS) -> list[str]:
    """Those of these programs that would have to be downloaded or built."""
    return [name for name in names if find(name) is None]


def build_seconds(names: Iterable[str]) -> float:
    """How long building these programs may take on this machine, from nothing."""
    return estimate_for(KNOWN[name] for name in names).remaining()


def ensure(names: Iterable[str] = TOOLS, progress: Progress = silent) -> dict[str, Path]:
    """The paths of these programs, fetching what is missing.

    Raises ToolUnavailable if a program can neither be found, downloaded nor built. May be killed at
    any moment; safe to call from several processes, of which one does the work.
    """
    wanted = list(names)
    if missing(wanted):
        with _fetching_alone(progress):
            # Asked again: another process may have fetched them while we waited.
            todo = [tool for name, tool in KNOWN.items() if name in set(missing(wanted))]
            todo = _download_all(todo, progress)
            if todo:
                _build_all(todo, progress)
    found = {name: find(name) for name in wanted}
    lost = [name for name, path in found.items() if path is None]
    if lost:
        raise ToolUnavailable(f"{', '.join(lost)} vanished from the cache {cache_dir()}.")
    return {name: path for name, path in found.items() if path is not None}


@contextlib.contextmanager
def _fetching_alone(progress: Progress) -> Iterator[None]:
    """Hold the lock on the cache, saying so while another process has it."""
    root = make_dir(cache_dir())
    lock = FileLock(root / "fetch.lock")
    action = "Waiting for another mlk8s that fetches the same programs"
    waited = False
    while True:
        try:
            lock.acquire(timeout=0 if not waited else 1)
            break
        except Timeout:
            progress(ProgressEvent(action, "running" if waited else "started"))
            waited = True
        except OSError as error:
            raise ClusterError(f"Cannot lock the cache {root}: {error.strerror}.") from error
    try:
        if waited:
            progress(ProgressEvent(action, "done"))
        yield
    finally:
        lock.release()


def _download_all(tools: list[Tool], progress: Progress) -> list[Tool]:
    """Download what can be downloaded; returns what is still missing."""
    left = []
    unreachable: set[str] = set()
    for tool in tools:
        source = official_source(tool)
        hosts = (
            {urlsplit(url).hostname or "" for url in (source.url, source.checksum)}
            if source
            else set()
        )
        if source is None or hosts & unreachable:
            left.append(tool)
            continue
        action = f"Downloading {tool.name} {PROJECTS[tool.project].version}"
        progress(ProgressEvent(action, "started"))
        try:
            with _candidate(tool) as target:
                download.fetch(
                    source, cache_dir() / "downloads", target, _reporter(action, progress)
                )
                _admit(tool, target)
        except ToolUnavailable as error:
            if isinstance(error, download.Unreachable):
                unreachable |= hosts
            progress(ProgressEvent(action, "failed", f"{error} It will be built."))
            left.append(tool)
            continue
        progress(ProgressEvent(action, "done"))
    return left


def _reporter(action: str, progress: Progress) -> download.Report:
    began = time.monotonic()
    first: list[int] = []

    def report(done: int, total: int | None) -> None:
        first.append(done) if not first else None
        fraction = done / total if total else None
        spent, fetched = time.monotonic() - began, done - first[0]
        remaining = spent * (total - done) / fetched if total and fetched and spent > 1 else None
        progress(ProgressEvent(action, "running", f"{done >> 20} MiB", fraction, remaining))

    return report


def _build_all(tools: list[Tool], progress: Progress) -> None:
    estimate = estimate_for(tools)
    go = find_go(progress)
    for project in PROJECTS:
        mine = [tool for tool in tools if tool.project == project]
        if not mine:
            continue
        builder = Builder(project, go, estimate, progress)
        builder.prepare(mine)
        for tool in mine:
            with _candidate(tool) as target:
                builder.build(tool, target)
                _admit(tool, target)


@contextlib.contextmanager
def _candidate(tool: Tool) -> Iterator[Path]:
    """A path beside the program's place in the cache, gone afterwards unless admitted."""
    final = cached_path(tool)
    make_dir(final.parent)
    target = final.with_name(f".{tool.name}.new")
    target.unlink(missing_ok=True)  # what a killed process left; the lock makes it ours
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)


def _admit(tool: Tool, candidate: Path) -> None:
    """Put a program into the cache once it has proven to run at the right version."""
    wanted = PROJECTS[tool.project].version
    version = version_of(tool, candidate)
    if version != wanted:
        said = f"says that it is {version}" if version else "does not run on this machine"
        raise ToolUnavailable(f"{tool.name} {wanted} was fetched but {said}.")
    try:
        candidate.replace(cached_path(tool))
    except OSError as error:
        raise ClusterError(f"Cannot write {cached_path(tool)}: {error.strerror}.") from error
