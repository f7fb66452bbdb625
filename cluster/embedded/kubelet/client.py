"""The simulated kubelet's connection to the API server: many requests at once, and watches."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import aiohttp

from cluster.api import Access

Json = dict[str, Any]

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
_BIGGEST_LINE = 16 * 1024 * 1024


class Refused(Exception):
    """The API server answered with an error; `status` is the HTTP code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Requests to one API server, for one event loop. Raises Refused, OSError or ClientError."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(limit=32, ssl=self._access.tls())
        # trust_env stays off: a proxy of the user's has no business between us and loopback.
        self._opened = aiohttp.ClientSession(self._access.server, connector=connector)
        return self

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise RuntimeError("the client is used outside of its `async with`")
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
        """One request with a JSON answer."""
        headers = {"Content-Type": kind or "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body)
        timeout = aiohttp.ClientTimeout(total=30)
        request = self._session.request(method, path, data=data, headers=headers, timeout=timeout)
        async with request as response:
            text = await response.read()
            if response.status >= 400:
                raise Refused(response.status, text.decode(errors="replace")[:500])
            answer = json.loads(text)
            return answer if isinstance(answer, dict) else {}

    async def watch(self, path: str) -> AsyncIterator[Json]:
        """The events of a watch until it ends; raises Refused(410) when it is too old."""
        # Silence is normal on a watch; a dead server is noticed by its closed connection.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self._session.get(path, timeout=timeout) as response:
            if response.status >= 400:
                raise Refused(response.status, await response.text())
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _BIGGEST_LINE:
                    raise OSError("a watch event without end")
                for line in lines:
                    event: Json = json.loads(line)
                    if event.get("type") == "ERROR":
                        code = int(event.get("object", {}).get("code") or 500)
                        raise Refused(code, str(event.get("object")))
                    yield event
