"""A simulation that breaks says so, and goes on with all other Pods."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.embedded.kubelet import server
from cluster.embedded.kubelet.faults import MOST, Faults
from cluster.embedded.kubelet.pods import Node, Pod
from cluster.embedded.kubelet.server import Kubelet

from .life import manifest

Json = dict[str, Any]


class FakeClient:
    """Takes every status; nothing is refused."""

    def __init__(self) -> None:
        self.reported: list[str] = []

    async def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
        self.reported.append(path)
        return {"items": []}


def a_pod(name: str) -> Json:
    found = manifest({"name": "main", "image": "nginx"})
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-{name}"}
    return {**found, "metadata": metadata, "spec": {**found["spec"], "nodeName": "n1"}}


async def live_with(*pods: Json) -> tuple[Kubelet, FakeClient]:
    client = FakeClient()
    kubelet = Kubelet(client, lambda: True)  # type: ignore[arg-type]
    kubelet.nodes._known["n1"] = Node("n1", "10.0.0.1", "10.1.0.0/24")
    for pod in pods:
        await kubelet._on_pod("ADDED", pod)
    await asyncio.sleep(0.1)
    return kubelet, client


def texts(kubelet: Kubelet) -> list[str]:
    return [fault["text"] for fault in kubelet.faults.of("ml")]


@pytest.mark.parametrize("error", [ValueError("no number"), KeyError("spec"), OSError("odd")])
def test_what_breaks_while_a_pod_lives_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    advance = Pod.advance

    def break_one(self: Pod, now: float) -> Any:
        if self.manifest["metadata"]["name"] == "bad":
            raise error
        return advance(self, now)

    monkeypatch.setattr(Pod, "advance", break_one)
    kubelet, client = asyncio.run(live_with(a_pod("bad"), a_pod("good")))
    assert texts(kubelet) == [f"Pod/bad: {type(error).__name__}: {error}"]
    assert kubelet.faults.of("ml")[0]["uid"] == "uid-bad"
    assert kubelet.faults.of("other") == []
    assert any(path.endswith("/pods/good/status") for path in client.reported)


def test_what_breaks_when_a_pod_is_taken_in_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    real = server.Pod

    def make(manifest: Json, *rest: Any) -> Pod:
        if manifest["metadata"]["name"] == "bad":
            raise ValueError("no number")
        return real(manifest, *rest)

    monkeypatch.setattr(server, "Pod", make)
    kubelet, client = asyncio.run(live_with(a_pod("bad"), a_pod("good")))
    assert texts(kubelet) == ["Pod/bad: ValueError: no number"]
    assert any(path.endswith("/pods/good/status") for path in client.reported)


def test_what_breaks_at_a_change_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def change() -> Kubelet:
        kubelet, _ = await live_with(a_pod("bad"))

        def refuse(self: Pod, manifest: Json, now: float) -> None:
            raise ValueError("no number")

        monkeypatch.setattr(Pod, "update", refuse)
        await kubelet._on_pod("MODIFIED", a_pod("bad"))
        return kubelet

    assert texts(asyncio.run(change())) == ["Pod/bad: ValueError: no number"]


def test_trouble_with_the_network_is_no_fault() -> None:
    class Away(FakeClient):
        async def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
            if method == "GET":
                return {}
            raise OSError("nobody there")

    async def live() -> Kubelet:
        kubelet = Kubelet(Away(), lambda: True)  # type: ignore[arg-type]
        kubelet.nodes._known["n1"] = Node("n1", "10.0.0.1", "10.1.0.0/24")
        await kubelet._on_pod("ADDED", a_pod("web"))
        await asyncio.sleep(0.1)
        return kubelet

    assert texts(asyncio.run(live())) == []


def test_so_many_faults_are_kept() -> None:
    faults = Faults()
    for number in range(MOST + 5):
        faults.note(a_pod(f"p{number}"), ValueError("x"))
    assert len(faults.of("ml")) == MOST
