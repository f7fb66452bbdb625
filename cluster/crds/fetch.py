"""Find the pinned files, or get them: the cache, the project's release, its Go module."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from cluster.binaries import download
from cluster.binaries.golang import find_go
from cluster.crds.catalog import CRD_SETS, CrdFile, CrdSet, CrdSetName
from cluster.errors import ClusterError, ToolUnavailable
from cluster.model import Progress, ProgressEvent, silent
from cluster.paths import cache_dir, make_dir, write_whole

Definition = dict[str, Any]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MODULE_SECONDS = 300.0
_BIGGEST = 4 * 1024 * 1024
"""Bytes that one file may have; the largest is a sixtieth of it."""


def ensure(names: Iterable[CrdSetName], progress: Progress = silent) -> list[Definition]:
    """The CustomResourceDefinitions of these sets, fetched if they are not in the cache.

    Raises ToolUnavailable if they can neither be downloaded nor taken from the Go module. Safe to
    call from several processes, of which one does the work.
    """
    found: list[Definition] = []
    for name in names:
        crds = CRD_SETS[name]
        if missing([name]):
            _fetch(crds, progress)
        for file in crds.files:
            documents = yaml.load_all(_cached(crds, file).read_bytes(), _LOADER)
            found += [document for document in documents if document]
    return found


def files(progress: Progress = silent) -> list[tuple[CrdSet, CrdFile, Path]]:
    """Every pinned file with its place in the cache, fetched if it is not there: for bundles."""
    for name in CRD_SETS:
        if missing([name]):
            _fetch(CRD_SETS[name], progress)
    return [(crds, file, _cached(crds, file)) for crds in CRD_SETS.values() for file in crds.files]


def place_of(file_name: str) -> Path | None:
    """Where the cache keeps the pinned file of this name; None where none is called so."""
    for crds in CRD_SETS.values():
        for file in crds.files:
            if file.name == file_name:
                return _cached(crds, file)
    return None


def missing(names: Iterable[CrdSetName]) -> list[CrdSetName]:
    """Those sets that would have to be fetched."""
    return [name for name in names if not _is_whole(CRD_SETS[name])]


def _folder(crds: CrdSet) -> Path:
    return cache_dir() / "crds" / f"{crds.name}-{crds.version}"


def _cached(crds: CrdSet, file: CrdFile) -> Path:
    return _folder(crds) / file.name


def _is_whole(crds: CrdSet) -> bool:
    """Digests are compared at each use: what is installed on a cluster is what was pinned."""
    return all(_has_digest(_cached(crds, file), file) for file in crds.files)


def _has_digest(path: Path, file: CrdFile) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    except OSError:
        return False


def _fetch(crds: CrdSet, progress: Progress) -> None:
    folder = make_dir(_folder(crds))
    action = f"Fetching the definitions of {crds.title} {crds.version}"
    try:
        with FileLock(folder / ".lock"):
            if _is_whole(crds):
                return  # another process has fetched them while we waited
            progress(ProgressEvent(action, "started"))
            try:
                _download(crds)
            except ToolUnavailable as error:
                progress(ProgressEvent(action, "running", f"{error} Trying the Go module."))
                _from_module(crds, progress)
            progress(ProgressEvent(action, "done"))
    except OSError as error:
        raise ClusterError(f"Cannot write {folder}: {error.strerror or error}.") from error


def _download(crds: CrdSet) -> None:
    for file in crds.files:
        url = f"{crds.raw}/{file.path}"
        text = download.read(url, _BIGGEST)
        if hashlib.sha256(text).hexdigest() != file.sha256:
            raise ToolUnavailable(f"{url} is not the file that was pinned.")
        write_whole(_cached(crds, file), text)


def _from_module(crds: CrdSet, progress: Progress) -> None:
    """Take the files out of the module's archive, which Go fetches and keeps."""
    archive = _module_archive(crds, progress)
    try:
        with zipfile.ZipFile(archive) as pack:
            for file in crds.files:
                text = pack.read(f"{crds.module}@v{crds.version}/{file.path}")
                if hashlib.sha256(text).hexdigest() != file.sha256:
                    raise ToolUnavailable(f"{file.path} of {crds.module} is not as pinned.")
                write_whole(_cached(crds, file), text)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ToolUnavailable(f"The module {crds.module} cannot be read: {error}.") from error


def _module_archive(crds: CrdSet, progress: Progress) -> Path:
    go = find_go(progress)
    module = f"{crds.module}@v{crds.version}"
    # Our own digests are narrower than the checksum database's, which may be out of reach.
    environment = {**go.environment, "GONOSUMDB": crds.module}
    try:
        done = subprocess.run(
            [str(go.command), "mod", "download", "-json", module],
            capture_output=True,
            text=True,
            timeout=_MODULE_SECONDS,
            check=False,
            env=environment,
            cwd=_folder(crds),
        )
        told = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ToolUnavailable(f"The module {module} could not be fetched: {error}.") from error
    if done.returncode != 0 or not told.get("Zip"):
        why = str(told.get("Error") or done.stderr).strip()
        raise ToolUnavailable(f"The module {module} could not be fetched: {why}")
    return Path(told["Zip"])
