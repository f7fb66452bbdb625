"""Downloads that resume, are checked, and appear whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from cluster.binaries.catalog import Source
from cluster.errors import ClusterError, ToolUnavailable
from cluster.paths import make_dir

CONNECT_SECONDS = 4.0
"""A machine that cannot reach the official hosts should learn it fast and go on to the build."""
STALL_SECONDS = 20.0
RESUMES = 3
_CHUNK = 256 * 1024
_BIGGEST_CHECKSUM_FILE = 4 * 1024 * 1024

Report = Callable[[int, int | None], None]
"""Called with bytes so far and bytes in all, where known."""


class Unreachable(ToolUnavailable):
    """The host does not answer at all."""


class WrongContent(ToolUnavailable):
    """What came is not what was published."""


def mirrored(url: str) -> str:
    """The address to ask: `MLK8S_MIRROR`, where set, holds a folder for each official host."""
    mirror = os.environ.get("MLK8S_MIRROR")
    if not mirror:
        return url
    return f"{mirror.rstrip('/')}/{url.removeprefix('https://')}"


def fetch(source: Source, folder: Path, target: Path, report: Report) -> None:
    """Download, check and unpack a program to `target`, by way of a partial file in `folder`.

    An interrupted download is continued where it ended, also by a later process.
    Raises Unreachable, WrongContent or ToolUnavailable; then `target` is untouched.
    """
    make_dir(folder)
    name = source.url.rsplit("/", 1)[1]
    digest = published_digest(source, name)
    # The digest is part of the name: a partial file of other content can never be continued.
    partial = folder / f"{name}.{digest[:16]}.partial"
    for fresh_start in (False, True):
        resumed = partial.exists() and partial.stat().st_size > 0
        _download(mirrored(source.url), partial, report)
        if _sha256(partial) == digest:
            break
        partial.unlink()
        # What was continued may have been damaged before; only a whole download proves the source.
        if fresh_start or not resumed:
            raise WrongContent(f"{source.url} does not match its published checksum.")
    try:
        _unpack(source, partial, target)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WrongContent(f"{source.url} does not hold {source.member}.") from error
    except OSError as error:
        raise ClusterError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def published_digest(source: Source, name: str) -> str:
    """The SHA-256 that the publisher states for this file."""
    with _open(mirrored(source.checksum), 0, CONNECT_SECONDS) as response:
        try:
            text = response.read(_BIGGEST_CHECKSUM_FILE).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise ToolUnavailable(f"{source.checksum} broke off.") from error
    digest = _digest_of_asset(text, name) or _digest_in_sums(text, name)
    if not digest:
        raise ToolUnavailable(f"No checksum for {name} is published at {source.checksum}.")
    return digest


def read(url: str, most: int) -> bytes:
    """A small file as it is, at most `most` bytes; whoever asks compares its digest.

    Raises Unreachable, WrongContent or ToolUnavailable.
    """
    with _open(mirrored(url), 0, CONNECT_SECONDS) as response:
        try:
            content = response.read(most + 1)
        except (OSError, http.client.HTTPException) as error:
            raise ToolUnavailable(f"{url} broke off.") from error
    if len(content) > most:
        raise WrongContent(f"{url} is larger than {most} bytes.")
    return content


def _digest_of_asset(text: str, name: str) -> str:
    if not text.lstrip().startswith("{"):
        return ""
    try:
        assets = json.loads(text).get("assets") or []
    except (ValueError, AttributeError):
        return ""
    for asset in assets:
        digest = str(asset.get("digest") or "")
        if asset.get("name") == name and re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            return digest.removeprefix("sha256:")
    return ""


def _digest_in_sums(text: str, name: str) -> str:
    for line in text.splitlines():
        words = line.split()
        if not words or not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
            continue
        if len(words) == 1 or words[-1].lstrip("*./") == name:
            return words[0].lower()
    return ""


def _open(url: str, offset: int, timeout: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "mlk8s", "Accept": "*/*"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    if urlsplit(url).scheme not in ("https", "http"):
        raise ToolUnavailable(f"{url} is not a web address.")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    try:
        return cast("http.client.HTTPResponse", urllib.request.urlopen(request, timeout=timeout))  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                raise WrongContent(f"{url} is shorter than what was downloaded before.") from error
            raise ToolUnavailable(f"{url} answers with HTTP {error.code}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{urlsplit(url).hostname} cannot be reached.") from error


def _download(url: str, partial: Path, report: Report) -> None:
    """Bring the partial file to its full length, continuing up to RESUMES times."""
    failures = 0
    while True:
        offset = partial.stat().st_size if partial.exists() else 0
        try:
            response = _open(url, offset, STALL_SECONDS if offset else CONNECT_SECONDS)
        except WrongContent:
            # Nothing is left to fetch: the checksum will say whether the file is whole.
            return
        with response:
            if offset and response.status != 206:
                offset = 0  # a server that cannot continue sends it all again
            length = response.headers.get("Content-Length")
            total = offset + int(length) if length else None
            whole = _copy(response, partial, offset, total, report)
        if whole:
            return
        failures += 1
        if failures > RESUMES:
            raise ToolUnavailable(f"{url} broke off {failures} times.")


def _copy(
    response: http.client.HTTPResponse,
    partial: Path,
    offset: int,
    total: int | None,
    report: Report,
) -> bool:
    """Append what comes; True if it came to its end."""
    done = offset
    try:
        stream = partial.open("ab" if offset else "wb")
    except OSError as error:
        raise ClusterError(f"Cannot write {partial}: {error.strerror or error}.") from error
    with stream:
        while True:
            try:
                block = response.read(_CHUNK)
            except (OSError, http.client.HTTPException):
                return False
            if not block:
                return total is None or done >= total
            try:
                stream.write(block)
            except OSError as error:
                raise ClusterError(f"Cannot write {partial}: {error.strerror}.") from error
            done += len(block)
            report(done, total)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unpack(source: Source, archive: Path, target: Path) -> None:
    """Put the program at `target`, executable."""
    if not source.member:
        archive.replace(target)
    elif source.url.endswith(".zip"):
        with zipfile.ZipFile(archive) as pack, pack.open(source.member) as inside:
            _pour(inside, target)
    else:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(source.member)
            if member is None:
                raise WrongContent(f"{source.url} does not hold {source.member}.")
            with member:
                _pour(member, target)
    target.chmod(0o755)


def _pour(inside: IO[bytes], target: Path) -> None:
    with target.open("wb") as stream:
        while block := inside.read(_CHUNK):
            stream.write(block)
