"""Which simulated servers hold where: those of the cluster, or a namespace's own."""

from __future__ import annotations

import logging
from typing import Any

from cluster.embedded.kubelet.client import Client, Refused
from cluster.embedded.simulation import OWN, decode_servers, merged
from cluster.model import ServerModel

Json = dict[str, Any]
Servers = tuple[ServerModel, ...]

log = logging.getLogger(__name__)


class Known:
    """Server models by namespace; a namespace is asked for its own once, at its first Pod."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._own: dict[str, Servers | None] = {}
        self.everywhere: Servers = ()
        """What the cluster was taught; a namespace's own come before those of the same image."""

    async def of(self, namespace: str) -> Servers:
        """The servers that hold in a namespace; raises what a request may raise."""
        if namespace not in self._own:
            self._own[namespace] = await self._ask(namespace)
        return self.now(namespace)

    def now(self, namespace: str) -> Servers:
        """The same for a namespace that has been asked."""
        own = self._own.get(namespace)
        return merged(self.everywhere, own or ())

    def forget(self, namespace: str) -> None:
        """Nothing is left in this namespace; one of its name may come again."""
        self._own.pop(namespace, None)

    async def _ask(self, namespace: str) -> Servers | None:
        try:
            found = await self._client.call("GET", f"/api/v1/namespaces/{namespace}")
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        text = ((found.get("metadata") or {}).get("annotations") or {}).get(OWN)
        try:
            return None if text is None else decode_servers(text)
        except ValueError as error:
            log.warning("the servers of namespace %s cannot be read: %s", namespace, error)
            return None
