"""Following a collection for ever: list, then watch, and list again whenever that breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from cluster.embedded.kubelet.client import Client, Refused

Json = dict[str, Any]
OnEvent = Callable[[str, Json], Awaitable[None]]
OnList = Callable[[list[Json]], Awaitable[None]]

log = logging.getLogger(__name__)

TROUBLE = (OSError, aiohttp.ClientError, asyncio.TimeoutError, ValueError)
"""What a request may raise when the server is away or ends in the middle of an answer."""


async def follow(client: Client, path: str, on_event: OnEvent, on_list: OnList) -> None:
    """Hand on what there is in a collection and every change of it; `path` must have a query."""
    version = ""
    while True:
        try:
            if not version:
                listed = await client.call("GET", path)
                await on_list(listed.get("items") or [])
                version = listed["metadata"]["resourceVersion"]
            watch = f"{path}&watch=1&allowWatchBookmarks=true&resourceVersion={version}"
            async for event in client.watch(watch):
                if event["type"] != "BOOKMARK":
                    await _handle(on_event, event)
                # Only now: one whose handling met trouble comes again.
                version = event["object"]["metadata"]["resourceVersion"]
        except Refused as error:
            log.info("watch of %s: %s", path, error)
            version = ""
            await asyncio.sleep(0.1)
        except TROUBLE as error:
            log.info("watch of %s: %r", path, error)
            await asyncio.sleep(0.3)


async def _handle(on_event: OnEvent, event: Json) -> None:
    """Hand an event on; one that we cannot digest must not stop all others."""
    try:
        await on_event(event["type"], event["object"])
    except (Refused, *TROUBLE):
        raise
    except Exception:
        log.exception("a %s event could not be handled", event["type"])
