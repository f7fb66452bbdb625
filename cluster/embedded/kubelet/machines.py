"""The simulated nodes as the kubelet process knows them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

from cluster.embedded import nodes
from cluster.embedded.kubelet.client import MERGE, Client, Refused
from cluster.embedded.kubelet.pods import Node
from cluster.quantity import number_or

Json = dict[str, Any]

log = logging.getLogger(__name__)


class Nodes:
    """Takes in Nodes, and notes on each where the logs of its containers are served."""

    path = f"{nodes.NODES}?labelSelector="

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Node] = {}
        self.port: int | None = None
        """Where logs are served; None where they are not."""

    def all(self) -> Iterable[Node]:
        """Every simulated node."""
        return self._known.values()

    async def on_list(self, items: list[Json]) -> None:
        """Everything that there is."""
        for name in set(self._known) - {item["metadata"]["name"] for item in items}:
            del self._known[name]
        for item in items:
            await self.on_event("ADDED", item)

    async def on_event(self, kind: str, found: Json) -> None:
        """One change."""
        name = found["metadata"]["name"]
        if kind == "DELETED":
            self._known.pop(name, None)
            return
        if not self._take_in(found):
            return
        endpoints = found.get("status", {}).get("daemonEndpoints") or {}
        noted = (endpoints.get("kubeletEndpoint") or {}).get("Port")
        if self.port is not None and noted != self.port:
            status = {"daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}}}
            path = f"{nodes.NODES}/{name}/status"
            try:
                await self._client.call("PATCH", path, {"status": status}, MERGE)
            except Refused as refused:
                log.info("node %s: %s", name, refused)

    async def get(self, name: str) -> Node | None:
        """The simulated node of this name; None for one that is not ours or has gone."""
        if name not in self._known:
            try:
                self._take_in(await self._client.call("GET", f"{nodes.NODES}/{name}"))
            except Refused:
                return None
        return self._known.get(name)

    def _take_in(self, found: Json) -> bool:
        """Note a Node; False for one that is not simulated or has not reported yet."""
        metadata, status = found["metadata"], found.get("status") or {}
        addresses = {a["type"]: a["address"] for a in status.get("addresses") or []}
        owned = nodes.OWNED in (metadata.get("annotations") or {})
        if not owned or "InternalIP" not in addresses:
            return False
        node = self._known.setdefault(metadata["name"], Node(metadata["name"], "", ""))
        # In place, because Pods hold on to their node, which knows its images.
        node.address = addresses["InternalIP"]
        node.pod_range = found["spec"].get("podCIDR") or nodes.pod_range(0)
        node.memory = number_or((status.get("capacity") or {}).get("memory"), math.inf)
        node.labels = metadata.get("labels") or {}
        return True
