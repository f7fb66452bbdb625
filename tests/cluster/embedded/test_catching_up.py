"""Whoever asks a simulated kubelet for its signs is answered once nothing that was due is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.embedded.kubelet import server
from cluster.embedded.kubelet.server import Kubelet

from .test_faults import FakeClient, a_pod, live_with

Json = dict[str, Any]


def versioned(name: str, version: str) -> Json:
    pod = a_pod(name)
    pod["metadata"]["resourceVersion"] = version
    return pod


def test_the_answer_has_the_version_of_each_pod_of_the_namespace() -> None:
    async def ask() -> tuple[dict[str, str], dict[str, str]]:
        kubelet, _ = await live_with(versioned("web", "7"))
        await kubelet._on_pod("MODIFIED", versioned("web", "9"))
        return await kubelet.caught_up("ml"), await kubelet.caught_up("other")

    assert asyncio.run(ask()) == ({"uid-web": "9"}, {})


def test_a_status_that_cannot_be_reported_yet_is_waited_for() -> None:
    class Busy(FakeClient):
        answers = False

        async def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
            if method != "GET" and not self.answers:
                raise OSError("not now")
            return await super().call(method, path, body, kind)

    async def ask() -> tuple[bool, list[str]]:
        client = Busy()
        kubelet = Kubelet(client, lambda: True)  # type: ignore[arg-type]
        kubelet.nodes._known["n1"] = server.Node("n1", "10.0.0.1", "10.1.0.0/24")
        await kubelet._on_pod("ADDED", versioned("web", "7"))
        answer = asyncio.create_task(kubelet.caught_up("ml"))
        await asyncio.sleep(0.1)
        too_early, client.answers = answer.done(), True
        await answer
        return too_early, client.reported

    too_early, reported = asyncio.run(ask())
    assert not too_early
    assert any(path.endswith("/pods/web/status") for path in reported)


def test_a_timer_that_is_late_is_waited_for() -> None:
    async def ask() -> list[bool]:
        kubelet, _ = await live_with(versioned("web", "7"))
        (worker,) = kubelet._workers.values()
        due = worker.pod.next_at
        return [worker.behind(due - 1), worker.behind(due)]

    assert asyncio.run(ask()) == [False, True]


def test_one_that_stays_behind_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CATCHING_UP", 0.05)

    class Away(FakeClient):
        async def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
            if method == "GET":
                return {}
            raise OSError("nobody there")

    async def ask() -> None:
        kubelet = Kubelet(Away(), lambda: True)  # type: ignore[arg-type]
        kubelet.nodes._known["n1"] = server.Node("n1", "10.0.0.1", "10.1.0.0/24")
        await kubelet._on_pod("ADDED", versioned("web", "7"))
        await kubelet.caught_up("ml")

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
