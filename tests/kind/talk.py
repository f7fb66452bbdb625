"""Short words for talking to a real cluster in tests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

from cluster.binaries import ensure
from cluster.model import ClusterStatus

Json = dict[str, Any]
T = TypeVar("T")
SERVER = "registry.example.com/sentiment-inference:v2.1.0"


_SLOW = ("TLS handshake timeout", "i/o timeout", "Client.Timeout")


class Talk:
    """kubectl on one cluster, in one namespace."""

    def __init__(self, cluster: ClusterStatus, namespace: str) -> None:
        self._base = [
            str(ensure(["kubectl"])["kubectl"]),
            "--kubeconfig",
            str(cluster.kubeconfig),
            "--namespace",
            namespace,
        ]

    def run(self, *arguments: str, check: bool = True, text: str | None = None) -> str:
        deadline = time.monotonic() + 120
        while True:
            done = subprocess.run(
                [*self._base, *arguments], input=text, capture_output=True, text=True, timeout=120
            )
            # A machine that is very busy lets a handshake wait; that says nothing of the cluster.
            slow = any(word in done.stderr for word in _SLOW)
            if not check or not slow or time.monotonic() > deadline:
                break
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *objects: Json) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run("apply", "-f", "-", text=json.dumps(document))

    def get(self, kind: str, name: str = "") -> Json:
        found = json.loads(self.run("get", kind, *([name] if name else []), "-o", "json"))
        assert isinstance(found, dict)
        return found

    def pods(self, app: str) -> list[Json]:
        listed = json.loads(self.run("get", "pods", "-l", f"app={app}", "-o", "json"))
        return list(listed["items"])

    def events(self, reason: str) -> str:
        listed = json.loads(self.run("get", "events", "-o", "json"))["items"]
        return "\n".join(event["message"] for event in listed if event["reason"] == reason)


def eventually(look: Callable[[], T | None], seconds: float = 240.0) -> T:
    """The first true thing that `look` returns."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {seen!r}"
        time.sleep(0.3)


def pod(name: str, image: str = SERVER, **fields: Any) -> Json:
    """A Pod with one container; `spec` fields of the Pod by name, others of the container."""
    spec = fields.pop("spec", {})
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", **fields}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


def phase(found: Json) -> str:
    return str(found.get("status", {}).get("phase", ""))


def is_ready(found: Json) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
