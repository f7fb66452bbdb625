"""Short words for talking to a cluster in tests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cluster.api import Access, Api
from cluster.binaries import ensure
from cluster.embedded.state import Folder

Json = dict[str, Any]
T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float = 60.0) -> T:
    """The first true thing that `look` returns; generous, as machines differ."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; last seen: {seen!r}")
        time.sleep(0.05)


def api_of(name: str) -> Api:
    return Api(Access.read(Folder(name).internal_kubeconfig), timeout=30)


def kubectl(kubeconfig: Path, *arguments: str, manifests: list[Json] | None = None) -> str:
    command = [str(ensure(["kubectl"])["kubectl"]), "--kubeconfig", str(kubeconfig), *arguments]
    text = None
    if manifests is not None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
