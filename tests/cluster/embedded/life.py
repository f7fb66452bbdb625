"""Drives a simulated Pod through its life without any clock, and writes down what happens."""

from __future__ import annotations

import math
from typing import Any

from cluster.embedded.kubelet.facts import Event
from cluster.embedded.kubelet.pods import Node, Pod
from cluster.embedded.kubelet.references import Ref
from cluster.embedded.kubelet.status import pod_status
from cluster.model import ServerModel

Json = dict[str, Any]

MODEL = ServerModel(
    image="shop/sentiment",
    tags=("v1", "v2"),
    port=8080,
    load=20,
    ready=("/ready",),
    live=("/live",),
)


def stamp(life: float) -> str:
    return f"t={life:g}"


def http(path: str = "/ready", port: Any = 8080, **more: Any) -> Json:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 5, **more}


def manifest(*containers: Json, **spec: Any) -> Json:
    given = containers or ({},)
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u-1", "generation": 1},
        "spec": {
            "containers": [
                {"name": f"c{i or ''}", "image": "shop/sentiment:v1", **c}
                for i, c in enumerate(given)
            ],
            **spec,
        },
    }


class Life:
    """A Pod on a node of its own, and all that was seen of it."""

    def __init__(
        self,
        pod: Json,
        servers: tuple[ServerModel, ...] = (MODEL,),
        objects: dict[Ref, Json] | None = None,
        memory: float = math.inf,
    ) -> None:
        node = Node("n1", "172.30.0.2", "10.10.0.0/16", memory)
        self.objects = objects if objects is not None else {}
        self.pod = Pod(pod, node, "10.10.0.2", servers, 0.0)
        self.now = 0.0
        self.events: list[tuple[float, Event]] = []
        self.statuses: list[tuple[float, Json]] = []
        self._look()

    def _look(self) -> None:
        if wanted := self.pod.wants(self.now):
            self.pod.give({ref: self.objects.get(ref) for ref in wanted})
        self.events += [(self.now, event) for event in self.pod.advance(self.now)]
        self.statuses.append((self.now, pod_status(self.pod, self.now, stamp)))

    def until(self, end: float) -> Life:
        """Let life go on until this time, looking at each moment at which something is due."""
        for _ in range(100_000):
            due = self.pod.next_at
            if due > end or math.isinf(due):
                break
            self.now = due
            self._look()
        else:
            raise AssertionError("the Pod never rests")
        self.now = end
        self._look()
        return self

    def change(self, pod: Json) -> None:
        """Somebody changed the Pod."""
        self.pod.update(pod, self.now)
        self._look()

    @property
    def status(self) -> Json:
        return self.statuses[-1][1]

    def container(self, index: int = 0) -> Json:
        found: Json = self.status["containerStatuses"][index]
        return found

    def reasons(self, index: int = 0, init: bool = False) -> list[str]:
        """The waiting and terminated reasons that one container showed, in order."""
        seen: list[str] = []
        for _, status in self.statuses:
            field = "initContainerStatuses" if init else "containerStatuses"
            state = status[field][index]["state"]
            reason = next(iter(state.values())).get("reason", "")
            if reason and (not seen or seen[-1] != reason):
                seen.append(reason)
        return seen

    def ready_since(self) -> float | None:
        """When the Pod became ready, for good."""
        since = None
        for at, status in self.statuses:
            ready = any(
                c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"]
            )
            since = (since if since is not None else at) if ready else None
        return since

    def said(self, reason: str) -> list[tuple[float, str]]:
        return [(at, event.message) for at, event in self.events if event.reason == reason]

    def count(self, reason: str) -> int:
        return sum(event.times for _, event in self.events if event.reason == reason)
