"""An API server of a few lines: lists, scripted watches, and answers to anything else."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grader.observe.client import Api, ApiAnswer, ClusterLost, Refused

Json = dict[str, Any]
DROP, END = object(), object()


class FakeStream:
    def __init__(self, events: queue.Queue[Any]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[tuple[Json, int]]:
        while True:
            event = self._events.get()
            if event is DROP:
                raise ClusterLost("The API server closed the connection.")
            if event is END:
                return
            yield event, 100

    def close(self) -> None:
        self._events.put(DROP)


class FakeApi(Api):
    """`items` is what a list gives at `version`; `events` what the watches deliver."""

    def __init__(self, items: list[Json] | None = None, version: int = 1) -> None:
        self.items = items or []
        self.version = version
        self.events: queue.Queue[Any] = queue.Queue()
        self.watched_from: list[str] = []
        self.refuse_watch: list[ApiAnswer] = []
        self.unreachable = False
        self.requests: list[tuple[str, str, Any, str]] = []
        self.respond: Callable[[str, str], ApiAnswer] | None = None
        self.patience = 0.0

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        user: str = "",
        **more: Any,
    ) -> ApiAnswer:
        if self.unreachable:
            raise ClusterLost("The API server refused the connection.")
        self.requests.append((method, path, body, user))
        if self.respond is not None:
            return self.respond(method, path)
        if method != "GET":
            return ApiAnswer(201, body={"metadata": {"resourceVersion": str(self.version)}})
        metadata = {"resourceVersion": str(self.version)}
        return ApiAnswer(200, body={"metadata": metadata, "items": list(self.items)})

    def stream(self, path: str, query: Mapping[str, str]) -> FakeStream:  # type: ignore[override]
        if self.unreachable:
            raise ClusterLost("The API server refused the connection.")
        self.watched_from.append(query["resourceVersion"])
        if self.refuse_watch:
            raise Refused(self.refuse_watch.pop(0))
        return FakeStream(self.events)

    def tell(self, word: str, obj: Json) -> None:
        self.events.put({"type": word, "object": obj})
