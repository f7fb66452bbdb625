"""Watches shared by many recordings: one per kind, routed to subscribers by namespace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from grader.observe.client import Api
from grader.observe.kinds import Kind
from grader.observe.watch import Feed, Subscriber


class WatchHub:
    """All watches on one cluster. Safe for threads.

    With `namespaces` it watches only there, so that a lone run on somebody's cluster reads nothing
    but its own; without, one watch per kind serves every run.
    """

    def __init__(self, api: Api, namespaces: tuple[str, ...] | None = None) -> None:
        self._api = api
        self._namespaces = namespaces
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(self, kinds: Iterable[Kind]) -> None:
        """Begin to list and watch these kinds; returns at once."""
        for kind in kinds:
            self._feeds_of(kind)

    def follow(
        self, subscriber: Subscriber, kinds: Iterable[Kind], namespaces: tuple[str, ...]
    ) -> None:
        """Tell the subscriber what is in these namespaces and all that changes from now on."""
        wanted = frozenset(namespaces)
        # Started together, so that their first lists travel at the same time.
        for feed in [feed for kind in kinds for feed in self._feeds_of(kind)]:
            feed.subscribe(subscriber, wanted)

    def unfollow(self, subscriber: Subscriber) -> None:
        """Tell the subscriber no more."""
        for feed in self.feeds():
            feed.unsubscribe(subscriber)

    def sync(
        self, kinds: Iterable[Kind], namespaces: tuple[str, ...], seconds: float
    ) -> int | None:
        """Wait until all that the server has now is delivered.

        Returns the cluster's version at this moment (0 if nothing was asked); None if that took
        too long.
        """
        until, version = time.monotonic() + seconds, 0
        for kind in kinds:
            for namespace in namespaces if kind.namespaced else ("",):
                for feed in self._feeds_for(kind, namespace):
                    caught_up = feed.catch_up(namespace, until)
                    if caught_up is None:
                        return None
                    version = max(version, caught_up)
        return version

    def close(self) -> None:
        """End all watches."""
        with self._lock:
            self._closed = True
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.stop()

    def feeds(self) -> list[Feed]:
        """The watches that run."""
        with self._lock:
            return list(self._feeds.values())

    def _scopes(self, kind: Kind) -> tuple[str, ...]:
        if self._namespaces is None or not (kind.namespaced or kind.name == "Namespace"):
            return ("",)
        return self._namespaces

    def _feeds_of(self, kind: Kind) -> list[Feed]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the watches are closed")
            found = []
            for scope in self._scopes(kind):
                feed = self._feeds.get((kind.name, scope))
                if feed is None or feed.broken:
                    feed = self._feeds[kind.name, scope] = Feed(self._api, kind, scope)
                    feed.start()
                found.append(feed)
            return found

    def _feeds_for(self, kind: Kind, namespace: str) -> list[Feed]:
        with self._lock:
            exact = self._feeds.get((kind.name, namespace)) or self._feeds.get((kind.name, ""))
            if exact is not None:
                return [exact]
            return (
                []
                if namespace
                else [f for (name, _), f in self._feeds.items() if name == kind.name]
            )
