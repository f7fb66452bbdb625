"""Events as a kubelet writes them: one object per fact, counted up when it happens again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from cluster.embedded.kubelet.client import MERGE, Client, Refused
from cluster.embedded.kubelet.facts import Event

Json = dict[str, Any]

log = logging.getLogger(__name__)
_REMEMBERED = 20_000


@dataclass
class _Written:
    path: str
    count: int


class EventWriter:
    """Writes events in the background, in order for each Pod, dropping those nobody can store."""

    def __init__(self, client: Client, writers: int = 4) -> None:
        self._client = client
        self._queues: list[asyncio.Queue[tuple[Json, str, Event, float]]] = [
            asyncio.Queue() for _ in range(writers)
        ]
        self._written: dict[tuple[str, Event], _Written] = {}
        self._last_name = 0

    def put(self, manifest: Json, node: str, event: Event, wall: float) -> None:
        """Have an event about this Pod written; `wall` is when it happened, in Unix seconds."""
        uid = str(manifest["metadata"]["uid"])
        self._queues[hash(uid) % len(self._queues)].put_nowait((manifest, node, event, wall))

    async def run(self) -> None:
        """Write for ever."""
        async with asyncio.TaskGroup() as group:
            for queue in self._queues:
                group.create_task(self._drain(queue))

    async def _drain(self, queue: asyncio.Queue[tuple[Json, str, Event, float]]) -> None:
        while True:
            manifest, node, event, wall = await queue.get()
            # A namespace that is being deleted takes no events; a lost one proves nothing.
            with contextlib.suppress(Refused, OSError, aiohttp.ClientError, asyncio.TimeoutError):
                await self._write(manifest, node, event, wall)

    async def _write(self, manifest: Json, node: str, event: Event, wall: float) -> None:
        key = (str(manifest["metadata"]["uid"]), _fact(event))
        if old := self._written.get(key):
            old.count += event.times
            change = {"count": old.count, "lastTimestamp": rfc3339(wall)}
            await self._client.call("PATCH", old.path, change, MERGE)
            return
        body = self._object(manifest, node, event, wall)
        namespace = manifest["metadata"]["namespace"]
        collection = f"/api/v1/namespaces/{namespace}/events"
        await self._client.call("POST", collection, body)
        if len(self._written) >= _REMEMBERED:
            self._written.clear()
        self._written[key] = _Written(f"{collection}/{body['metadata']['name']}", event.times)

    def _object(self, manifest: Json, node: str, event: Event, wall: float) -> Json:
        metadata = manifest["metadata"]
        # Nanoseconds name the event, as client-go does; two in one tick still differ.
        self._last_name = max(self._last_name + 1, time.time_ns())
        about: Json = {
            "kind": "Pod",
            "apiVersion": "v1",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion"),
        }
        if event.container:
            field = "initContainers" if event.init else "containers"
            about["fieldPath"] = f"spec.{field}{{{event.container}}}"
        return {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {
                "name": f"{metadata['name']}.{self._last_name:x}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": about,
            "type": event.type,
            "reason": event.reason,
            "message": event.message,
            "source": {"component": "kubelet", "host": node},
            "reportingComponent": "kubelet",
            "reportingInstance": node,
            "count": event.times,
            "firstTimestamp": rfc3339(wall),
            "lastTimestamp": rfc3339(wall),
        }


def _fact(event: Event) -> Event:
    """The event without its count: what makes two events the same."""
    return Event(event.type, event.reason, event.message, event.container, event.init)


def rfc3339(wall: float) -> str:
    """A Unix time in the API's notation, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))


def rfc3339_micro(wall: float | None = None) -> str:
    """A Unix time (now where none is given) in the API's notation, with microseconds."""
    moment = datetime.fromtimestamp(time.time() if wall is None else wall, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
