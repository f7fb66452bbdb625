"""The load on every namespace as the simulated kubelet knows it, and who gets how much of it."""

from __future__ import annotations

import logging
import time
from typing import Any

from cluster.embedded import simulation
from cluster.embedded.kubelet.client import MERGE, Client
from cluster.embedded.metrics.load import LABEL, WATCHED, Load, decode
from cluster.embedded.metrics.usage import shares

Json = dict[str, Any]

log = logging.getLogger(__name__)

_FRESH = 0.2
"""Seconds of real time for which a look at the endpoints holds."""


class Loads:
    """Takes in the ConfigMaps that hold the load."""

    path = WATCHED

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loads: dict[str, Load] = {}
        self._shares: dict[str, tuple[float, dict[str, float]]] = {}

    def of(self, namespace: str) -> Load:
        """The load on a namespace."""
        return self._loads.get(namespace) or Load()

    def all(self) -> list[Load]:
        """The load on each namespace that has any."""
        return list(self._loads.values())

    def loaded_namespaces(self) -> list[str]:
        """Namespaces in which some Service gets requests."""
        return [name for name, load in self._loads.items() if load.services]

    async def on_list(self, items: list[Json]) -> None:
        """Everything that there is."""
        self._loads.clear()
        for item in items:
            await self.on_event("ADDED", item)

    async def on_event(self, kind: str, config: Json) -> None:
        """One change; answers with the digest of what was taken in."""
        metadata, data = config["metadata"], config.get("data") or {}
        namespace = metadata["labels"][LABEL]
        self._shares.pop(namespace, None)
        if kind == "DELETED":
            self._loads.pop(namespace, None)
            return
        try:
            self._loads[namespace] = decode(data)
        except ValueError as error:
            log.warning("the load on %s cannot be read: %s", namespace, error)
            return
        digest = simulation.digest(data)
        if (metadata.get("annotations") or {}).get(simulation.OBSERVED) != digest:
            change = {"metadata": {"annotations": {simulation.OBSERVED: digest}}}
            path = f"{simulation.COLLECTION}/{metadata['name']}"
            await self._client.call("PATCH", path, change, MERGE)

    async def shares(self, namespace: str) -> dict[str, float]:
        """Requests a second that each Pod of a namespace gets, by name."""
        rates = self.of(namespace).services
        if not rates:
            return {}
        at, known = self._shares.get(namespace, (-_FRESH, {}))
        if (asked := time.monotonic()) - at >= _FRESH:
            path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
            listed = await self._client.call("GET", path)
            known = shares(rates, listed.get("items") or [])
            if rates is self.of(namespace).services:  # and not of a load that has changed meanwhile
                self._shares[namespace] = (asked, known)
        return known
