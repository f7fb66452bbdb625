"""One watch of one kind: every change exactly once, through dropped connections and 410 Gone.

A feed lists, then watches from the list's version on. A dropped connection is resumed from the
last version seen, so nothing is lost. When the server has forgotten that version (410 Gone), the
feed lists again, tells the differences to what it knew, and reports how long it was blind.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from grader.model.recording import Object, Verb
from grader.observe.client import METADATA_LIST, Api, ApiAnswer, ClusterLost, Refused, Stream
from grader.observe.kinds import Kind
from grader.observe.noise import clean, same_but_for_heartbeats

Key = tuple[str, str]

LOST_AFTER = 10.0
"""Seconds without any connection after which a watch is given up as broken."""

_GONE = 410
_PASSING = (429, 500, 502, 503, 504)
_VERBS: dict[str, Verb] = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted"}


class Subscriber(Protocol):
    """Whoever wants to know. Called from the feed's thread, one call at a time for each feed."""

    def see(self, kind: str, verb: Verb, obj: Object, version: int, size: int) -> None:
        """An object was there, came, changed or went."""

    def blind(self, kind: str, since: float, until: float) -> None:
        """The feed missed what happened between these moments (`time.monotonic`)."""

    def lost(self, why: str) -> None:
        """The feed is broken for good."""


def key_of(obj: Object) -> Key:
    """Namespace and name."""
    metadata = obj.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def version_of(obj: Object) -> int:
    """resourceVersion as a number."""
    text = str((obj.get("metadata") or {}).get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0


class Feed:
    """The watch of one kind, in one namespace or in all, for any number of subscribers."""

    def __init__(self, api: Api, kind: Kind, namespace: str = "") -> None:
        self.kind = kind
        self._api = api
        self._path = kind.path(namespace)
        self._namespace = namespace if kind.namespaced else ""
        self._only = namespace if kind.name == "Namespace" else ""
        self._known: dict[Key, Object] = {}
        self._subscribers: dict[Subscriber, frozenset[str]] = {}
        self._changed = threading.Condition()
        self._stream: Stream | None = None
        self._stopped = False
        self._listed = False
        self._broken = ""
        self._version = ""
        self._last_seen = time.monotonic()
        self._lost_since = 0.0
        self._thread = threading.Thread(target=self._run, name=f"watch-{kind.plural}", daemon=True)

    def start(self) -> None:
        """Begin to list and watch, in a thread of its own."""
        self._thread.start()

    @property
    def broken(self) -> bool:
        """Whether it has been given up."""
        return bool(self._broken)

    def stop(self) -> None:
        """End the watch; returns at once."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            stream = self._stream
        if stream is not None:
            stream.close()

    def drop_connection(self) -> None:
        """Close the connection as a failing network would; the feed resumes by itself."""
        with self._changed:
            stream = self._stream
        if stream is not None:
            stream.close()

    # Subscribers

    def subscribe(self, subscriber: Subscriber, namespaces: frozenset[str]) -> None:
        """Tell what is there in these namespaces, then every change. Waits for the first list."""
        with self._changed:
            ready = self._changed.wait_for(lambda: self._listed or self._broken, LOST_AFTER + 10)
            if self._broken or not ready:
                raise ClusterLost(self._broken or f"The {self.kind.plural} could not be listed.")
            for obj in self._known.values():
                if self._concerns(obj, namespaces):
                    subscriber.see(self.kind.name, "present", obj, version_of(obj), _size(obj))
            self._subscribers[subscriber] = namespaces

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Tell no more."""
        with self._changed:
            self._subscribers.pop(subscriber, None)

    def _concerns(self, obj: Object, namespaces: frozenset[str]) -> bool:
        namespace, name = key_of(obj)
        if self.kind.name == "Namespace":
            return name in namespaces
        return not self.kind.namespaced or namespace in namespaces

    def _tell(self, verb: Verb, obj: Object, version: int, size: int) -> None:
        for subscriber, namespaces in self._subscribers.items():
            if self._concerns(obj, namespaces):
                subscriber.see(self.kind.name, verb, obj, version, size)

    # Being up to date

    def catch_up(self, namespace: str, until: float) -> int | None:
        """Wait until all that the server had when this was called has been delivered.

        Returns the version up to which everything was; None if that took too long.
        """
        path = self.kind.path(namespace)
        answer = self._api.call("GET", path, query=self._selector(), accept=METADATA_LIST)
        if not answer.ok:
            return 0 if answer.code == 404 else None
        listed = {key_of(item): version_of(item) for item in answer.body.get("items") or []}
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._broken or self._has_seen(listed, answer.version, namespace),
                max(0.0, until - time.monotonic()),
            )
            return answer.version if done and not self._broken else None

    def _has_seen(self, listed: dict[Key, int], version: int, namespace: str) -> bool:
        for key, wanted in listed.items():
            known = self._known.get(key)
            if known is None or version_of(known) < wanted:
                # A newer state than the one listed may be a deletion.
                if known is None and self._newest >= wanted:
                    continue
                return False
        return all(
            key in listed or version_of(obj) > version
            for key, obj in self._known.items()
            if not namespace or not self.kind.namespaced or key[0] == namespace
        )

    @property
    def _newest(self) -> int:
        return int(self._version) if self._version.isdigit() else 0

    # The watch itself

    def _run(self) -> None:
        while not self._stopped:
            try:
                if not self._version:
                    self._list()
                self._watch()
                self._pause(0.05)  # the server ended it; no hurry, nothing is lost meanwhile
            except Refused as error:
                if not self._mends(error.answer):
                    return
            except ClusterLost as error:
                self._lost_since = self._lost_since or time.monotonic()
                if time.monotonic() - self._lost_since > LOST_AFTER:
                    self._give_up(str(error))
                    return
                self._pause(0.2)
            except Exception as error:
                self._give_up(f"The watch of {self.kind.plural} failed: {error!r}.")
                raise

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)

    def _mends(self, answer: ApiAnswer) -> bool:
        """Whether the watch can go on after this refusal."""
        if answer.code == _GONE or answer.reason in ("Expired", "Gone"):
            self._version = ""
            return True
        if answer.code in _PASSING:
            self._pause(0.3)
            return True
        self._give_up(f"The API server refused to watch {self.kind.plural}: {answer.message}")
        return False

    def _give_up(self, why: str) -> None:
        with self._changed:
            if self._stopped:
                return
            self._broken = why
            self._changed.notify_all()
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            subscriber.lost(why)

    def _selector(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self._only}"} if self._only else {}

    def _list(self) -> None:
        answer = self._api.call("GET", self._path, query=self._selector(), patience=0)
        if not answer.ok:
            raise Refused(answer)
        kind, version = self.kind.name, self.kind.version
        items = [
            clean({"apiVersion": version, "kind": kind, **item})
            for item in answer.body.get("items") or []
        ]
        with self._changed:
            first = not self._listed
            since, self._last_seen = self._last_seen, time.monotonic()
            if not first:
                for subscriber in self._subscribers:
                    subscriber.blind(kind, since, self._last_seen)
            self._compare({key_of(item): item for item in items}, answer.version)
            self._version = str(answer.version)
            self._listed = True
            self._changed.notify_all()

    def _compare(self, now: dict[Key, Object], version: int) -> None:
        """Take over a list, telling what differs from what was known."""
        for key, old in list(self._known.items()):
            new = now.get(key)
            if new is None or new["metadata"].get("uid") != old["metadata"].get("uid"):
                del self._known[key]
                self._tell("deleted", old, version, 0)
        for key, obj in now.items():
            known = self._known.get(key)
            if known is None or version_of(known) != version_of(obj):
                self._known[key] = obj
                verb: Verb = "added" if known is None else "modified"
                self._tell(verb, obj, version_of(obj), _size(obj))

    def _watch(self) -> None:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            **self._selector(),
        }
        stream = self._api.stream(self._path, query)
        with self._changed:
            self._stream = stream
            self._lost_since = 0.0
            stopped = self._stopped
        if stopped:
            stream.close()
        try:
            for event, size in stream:
                self._take(event, size)
        finally:
            with self._changed:
                self._stream = None

    def _take(self, event: dict[str, Any], size: int) -> None:
        word, obj = event.get("type"), event.get("object") or {}
        if word == "ERROR":
            code, reason = int(obj.get("code") or 500), str(obj.get("reason") or "")
            raise Refused(ApiAnswer(code, reason, str(obj.get("message") or "")))
        obj = clean(obj)
        with self._changed:
            self._version = str(version_of(obj))
            self._last_seen = time.monotonic()
            verb = _VERBS.get(str(word))
            if verb is not None:
                self._note(verb, obj, size)
            self._changed.notify_all()

    def _note(self, verb: Verb, obj: Object, size: int) -> None:
        key = key_of(obj)
        if verb == "deleted":
            self._known.pop(key, None)
        else:
            old, self._known[key] = self._known.get(key), obj
            if self.kind.name == "Node" and same_but_for_heartbeats(old, obj):
                return
        self._tell(verb, obj, version_of(obj), size)


def _size(obj: Object) -> int:
    """A cheap guess at the JSON size of an object that came in a list."""
    return 1024 + 64 * len(obj.get("status") or ()) + 64 * len(obj.get("spec") or ())
