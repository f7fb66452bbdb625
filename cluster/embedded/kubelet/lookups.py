"""Looks up the objects that Pods refer to, a moment's answers shared by all Pods of a namespace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from cluster.embedded.kubelet.client import Client, Refused
from cluster.embedded.kubelet.references import Ref

Json = dict[str, Any]

_PLURALS = {
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}
_FRESH = 0.25
"""Seconds of real time for which an answer holds."""
_REMEMBERED = 5_000


class Lookups:
    """Reads ConfigMaps, Secrets and claims by name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[tuple[str, Ref], tuple[float, Json | None]] = {}

    async def find(self, namespace: str, refs: Iterable[Ref]) -> dict[Ref, Json | None]:
        """What there is of these; raises what a request may raise."""
        wanted = sorted(refs)
        found = await asyncio.gather(*(self._one(namespace, ref) for ref in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _one(self, namespace: str, ref: Ref) -> Json | None:
        key = (namespace, ref)
        at, found = self._found.get(key, (0.0, None))
        if time.monotonic() - at < _FRESH:
            return found
        path = f"/api/v1/namespaces/{namespace}/{_PLURALS[ref.kind]}/{quote(ref.name, safe='')}"
        try:
            found = await self._client.call("GET", path)
        except Refused as refused:
            if refused.status != 404:
                raise
            found = None
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[key] = (time.monotonic(), found)
        return found
