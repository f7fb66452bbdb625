"""Bundles: writing one, checking one, and taking one in.

A bundle is a tar file: `manifest.json` first, then each content under its SHA-256. Its own digest,
which `create` returns and `load` can insist on, is that of the manifest; the manifest holds those
of all contents, so it speaks for every byte.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from cluster.binaries.catalog import KNOWN, go_platform
from cluster.binaries.resolve import cached_path
from cluster.bundle.manifest import Item, Manifest, parse_manifest
from cluster.bundle.store import Store
from cluster.crds.fetch import place_of
from cluster.errors import ClusterError
from cluster.model import KUBERNETES_VERSION, Progress, ProgressEvent, silent
from cluster.paths import cache_dir, make_dir

_CHUNK = 1 << 20
_BIGGEST_MANIFEST = 4 << 20
_MANIFEST = "manifest.json"


def platform_name() -> str:
    """What this machine's containers run on, as images name it."""
    return f"linux/{go_platform()[1]}"


class _Meter:
    """Reports how many bytes are done, and honestly how long the rest takes."""

    def __init__(self, action: str, total: int, progress: Progress) -> None:
        self._action, self._total, self._progress = action, max(total, 1), progress
        self._done, self._began, self._said = 0, time.monotonic(), 0.0
        progress(ProgressEvent(action, "started", f"{total >> 20} MiB"))

    def add(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._said < 0.2:
            return
        self._said = now
        spent = now - self._began
        left = spent * (self._total - self._done) / self._done if spent > 1 and self._done else None
        fraction = min(1.0, self._done / self._total)
        self._progress(ProgressEvent(self._action, "running", "", fraction, left))

    def finish(self, detail: str = "") -> None:
        self._progress(ProgressEvent(self._action, "done", detail))

    def fail(self, detail: str) -> None:
        self._progress(ProgressEvent(self._action, "failed", detail))


class _Metered(io.RawIOBase):
    """A file that counts what is read from it."""

    def __init__(self, stream: IO[bytes], meter: _Meter) -> None:
        self._stream, self._meter = stream, meter

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._meter.add(len(block))
        return block


def create(
    target: Path, contents: Iterable[tuple[Item, Path]], progress: Progress = silent
) -> tuple[Manifest, str]:
    """Write a bundle of these contents, whole or not at all; returns its manifest and digest.

    Raises ClusterError when a content cannot be read, or the target not be written.
    """
    chosen = list(contents)
    manifest = Manifest(
        kubernetes_version=KUBERNETES_VERSION,
        platform=platform_name(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        items=tuple(item for item, _ in chosen),
    )
    document = manifest.model_dump_json(indent=1).encode()
    meter = _Meter(f"Writing {target.name}", manifest.size, progress)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        make_dir(target.parent)
        with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as tar:
            _member(tar, _MANIFEST, len(document), io.BytesIO(document))
            for digest, path in {item.sha256: path for item, path in chosen}.items():
                with path.open("rb") as stream:
                    size = path.stat().st_size
                    _member(tar, digest, size, _Metered(stream, meter))
        temporary.replace(target)
    except OSError as error:
        meter.fail(str(error))
        raise ClusterError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    meter.finish(f"{target.stat().st_size >> 20} MiB")
    return manifest, hashlib.sha256(document).hexdigest()


def _member(tar: tarfile.TarFile, name: str, size: int, stream: object) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    tar.addfile(info, stream)  # type: ignore[arg-type]


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The members of a bundle, one after the other."""
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                stream = tar.extractfile(info) if info.isreg() else None
                if stream is None:
                    raise ClusterError(f"{path} is not a bundle: {info.name} is no plain file.")
                yield info, stream
    except tarfile.TarError as error:
        raise ClusterError(f"{path} is damaged or not a bundle: {error}.") from error
    except OSError as error:
        raise ClusterError(f"Cannot read {path}: {error.strerror or error}.") from error


def verify(path: Path, expect: str = "", progress: Progress = silent) -> Manifest:
    """Read a bundle from end to end. Raises ClusterError unless every byte is as it was made."""
    return _read(path, expect, progress, None)


def load(path: Path, expect: str = "", progress: Progress = silent) -> Manifest:
    """Take a bundle's contents in; each only once its digest is proven. May be repeated.

    Images go into the store, everything else where the cache keeps it.
    """
    return _read(path, expect, progress, Store())


def _read(path: Path, expect: str, progress: Progress, store: Store | None) -> Manifest:
    members = _members(path)
    manifest = _manifest(path, next(members, None), expect)
    if manifest.platform != platform_name():
        raise ClusterError(
            f"{path} is for {manifest.platform}, this machine runs {platform_name()}."
        )
    if manifest.kubernetes_version != KUBERNETES_VERSION:
        raise ClusterError(
            f"{path} is for Kubernetes {manifest.kubernetes_version}, "
            f"this version of mlk8s uses {KUBERNETES_VERSION}."
        )
    wanted = {item.sha256: item.size for item in manifest.items}
    meter = _Meter(
        f"{'Reading' if store is None else 'Loading'} {path.name}", manifest.size, progress
    )
    try:
        for info, stream in members:
            if wanted.pop(info.name, None) != info.size:
                raise ClusterError(f"{path} was altered: {info.name[:64]} is not in its manifest.")
            _take(path, manifest, info.name, stream, meter, store)
        if wanted:
            raise ClusterError(f"{path} is cut off: {len(wanted)} of its contents are missing.")
    except ClusterError as error:
        meter.fail(str(error))
        raise
    meter.finish(f"{len(manifest.items)} items")
    return manifest


def _manifest(path: Path, first: tuple[tarfile.TarInfo, IO[bytes]] | None, expect: str) -> Manifest:
    if first is None or first[0].name != _MANIFEST or first[0].size > _BIGGEST_MANIFEST:
        raise ClusterError(f"{path} is not a bundle: it has no manifest.")
    raw = first[1].read()
    digest = hashlib.sha256(raw).hexdigest()
    if expect and digest != expect.removeprefix("sha256:").lower():
        raise ClusterError(f"{path} is not the bundle you expect: its digest is sha256:{digest}.")
    return parse_manifest(raw, str(path))


def _take(
    path: Path,
    manifest: Manifest,
    digest: str,
    stream: IO[bytes],
    meter: _Meter,
    store: Store | None,
) -> None:
    """Check one content, and put it where it belongs if there is a store."""
    counted = hashlib.sha256()
    out: IO[bytes] | None = None
    temporary: Path | None = None
    try:
        if store is not None:
            folder = make_dir(store.root)
            handle, name = tempfile.mkstemp(prefix=".load.", dir=folder)
            out, temporary = os.fdopen(handle, "wb"), Path(name)
        while block := stream.read(_CHUNK):
            counted.update(block)
            meter.add(len(block))
            if out is not None:
                out.write(block)
        if out is not None:
            out.close()
        if counted.hexdigest() != digest:
            raise ClusterError(f"{path} is damaged: a content does not have its digest {digest}.")
        if store is not None and temporary is not None:
            _settle(manifest, digest, temporary, store)
    except tarfile.TarError as error:
        raise ClusterError(f"{path} is cut off or damaged: {error}.") from error
    except OSError as error:
        raise ClusterError(f"Cannot take in {path}: {error.strerror or error}.") from error
    finally:
        if out is not None:
            out.close()
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _settle(manifest: Manifest, digest: str, content: Path, store: Store) -> None:
    for item in manifest.items:
        if item.sha256 != digest:
            continue
        if item.kind in ("node-image", "image"):
            store.add(item, content)
            continue
        if item.kind == "binary" and item.names[0] in KNOWN:
            place, mode = cached_path(KNOWN[item.names[0]]), 0o755
        elif item.kind == "definition" and (known := place_of(item.names[0])):
            place, mode = known, 0o644
        elif item.kind == "wheel" and "/" not in item.names[0]:
            place, mode = cache_dir() / "wheels" / item.names[0], 0o644
        else:
            raise ClusterError(f"The bundle holds {item.names[0]!r}, which is not known here.")
        make_dir(place.parent)
        content.chmod(mode)
        content.replace(place)
