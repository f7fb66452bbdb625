"""Container images as files, written without any container engine.

An image is an archive in the form that `docker save` writes, which docker, podman and containerd
all load. Layers are plain tar files; what is written twice from the same content is the same file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from cluster.errors import ClusterError


@dataclass(frozen=True)
class ImageConfig:
    """How a container of an image starts; fields as in a Dockerfile."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"
    ports: tuple[int, ...] = ()
    stop_signal: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class Layer:
    """One tar file of an image in the making; everything in it belongs to root unless said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - see __exit__
        self._folders: set[str] = set()

    def __enter__(self) -> Layer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._tar.close()

    def _info(self, name: str, mode: int, owner: int = 0) -> tarfile.TarInfo:
        parent = PurePosixPath(name.lstrip("/")).parent
        for folder in [*reversed(parent.parents), parent]:
            if str(folder) != "." and str(folder) not in self._folders:
                self.folder(str(folder))
        info = tarfile.TarInfo(name.lstrip("/"))
        info.mode, info.uid, info.gid = mode, owner, owner
        return info

    def folder(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        """Add a folder."""
        clean = name.strip("/")
        self._folders.add(clean)
        info = tarfile.TarInfo(clean)
        info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, mode, owner, owner
        self._tar.addfile(info)

    def file(self, name: str, source: Path, mode: int = 0o644) -> None:
        """Add a file's content, following links."""
        with source.open("rb") as stream:
            info = self._info(name, mode)
            info.size = os.fstat(stream.fileno()).st_size
            self._tar.addfile(info, stream)

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a file with this content."""
        raw = content.encode()
        info = self._info(name, mode)
        info.size = len(raw)
        self._tar.addfile(info, io.BytesIO(raw))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        info = self._info(name, 0o777)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(info)

    def tree(self, root: Path, keep: Callable[[str], bool]) -> None:
        """Add a whole file system with owners, modes and links, without what `keep` refuses."""

        def choose(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
            info.uname = info.gname = ""
            return info if keep(info.name) else None

        for entry in sorted(root.iterdir()):
            self._tar.add(entry, arcname=entry.name, filter=choose)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(path: Path) -> str:
    """The digest of a file. Raises ClusterError if it cannot be read."""
    try:
        return _sha256(path)
    except OSError as error:
        raise ClusterError(f"Cannot read {path}: {error.strerror or error}.") from error


def _document(config: ImageConfig, digests: Iterable[str], architecture: str) -> bytes:
    inner: dict[str, Any] = {"WorkingDir": config.workdir}
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    inner["Env"] = [path, *(f"{key}={value}" for key, value in config.environment.items())]
    for key, value in (
        ("Entrypoint", list(config.entrypoint)),
        ("Cmd", list(config.command)),
        ("User", config.user),
        ("StopSignal", config.stop_signal),
        ("Labels", config.labels),
        ("ExposedPorts", {f"{port}/tcp": {} for port in config.ports}),
    ):
        if value:
            inner[key] = value
    layers = list(digests)
    return json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": inner,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in layers]},
            "history": [{"created": "1970-01-01T00:00:00Z"} for _ in layers],
        },
        sort_keys=True,
    ).encode()


def write_image(
    target: Path,
    layers: list[Path],
    config: ImageConfig,
    names: Iterable[str],
    architecture: str,
) -> str:
    """Write an image archive of these layers; returns the image's id (`sha256:…`)."""
    digests = [_sha256(layer) for layer in layers]
    document = _document(config, digests, architecture)
    identity = hashlib.sha256(document).hexdigest()
    table = [
        {
            "Config": f"{identity}.json",
            "RepoTags": list(names),
            "Layers": [f"{digest}.tar" for digest in digests],
        }
    ]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, f"{identity}.json", document)
        for digest, layer in zip(digests, layers, strict=True):
            info = tarfile.TarInfo(f"{digest}.tar")
            info.size, info.mode = layer.stat().st_size, 0o644
            with layer.open("rb") as stream:
                tar.addfile(info, stream)
        _add(tar, "manifest.json", json.dumps(table).encode())
    return f"sha256:{identity}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    tar.addfile(info, io.BytesIO(content))


def image_id(archive: Path) -> str:
    """The id of the image in an archive. Raises ClusterError if it is not an image archive."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile("manifest.json")
            table = json.load(member) if member else []
        return f"sha256:{PurePosixPath(table[0]['Config']).name.removesuffix('.json')}"
    except (OSError, KeyError, IndexError, TypeError, ValueError, tarfile.TarError) as error:
        raise ClusterError(f"{archive} is not an image archive.") from error
