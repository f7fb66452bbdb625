"""A local mirror that can misbehave, an empty cache, and a PATH without the real programs."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Mirror:
    """Files by path, and how the server misbehaves with them."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: dict[str, list[int]] = field(default_factory=dict)
    """Path -> after how many bytes the connection is cut, one entry for each request to come."""
    no_range: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""

    def publish(self, path: str, content: bytes, digest: str | None = None) -> None:
        self.files[path] = content
        self.files[f"{path}.sha256"] = (digest or hashlib.sha256(content).hexdigest()).encode()

    def ranges(self, path: str) -> list[str]:
        return [header for asked, header in self.requests if asked == path]


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            mirror.requests.append((self.path, asked))
            content = mirror.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if asked and not mirror.no_range:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
            body = content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cuts = mirror.break_after.get(self.path)
            self.wfile.write(body[: cuts.pop(0)] if cuts else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    served = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MLK8S_MIRROR", served.url)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Official hosts that refuse at once."""
    monkeypatch.setenv("MLK8S_MIRROR", "http://127.0.0.1:9")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MLK8S_CACHE", str(folder))
    return folder


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, with the shell commands that stand-ins need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "chmod", "sleep"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o755)  # noqa: PTH101
    return path
