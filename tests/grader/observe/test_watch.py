from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from grader.model.recording import Object, Verb
from grader.observe import watch
from grader.observe.client import ApiAnswer, ClusterLost
from grader.observe.hub import WatchHub
from grader.observe.kinds import KNOWN
from grader.observe.watch import Feed
from tests.grader.observe.fakes import DROP, END, FakeApi
from tests.grader.observe.samples import an_object

EVERYWHERE = frozenset({"ml"})


class Listener:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.gaps: list[tuple[float, float]] = []
        self.why = ""
        self._changed = threading.Condition()

    def see(self, kind: str, verb: Verb, obj: Object, version: int, size: int) -> None:
        with self._changed:
            self.seen.append((verb, obj["metadata"]["name"], version))
            self._changed.notify_all()

    def blind(self, kind: str, since: float, until: float) -> None:
        with self._changed:
            self.gaps.append((since, until))
            self._changed.notify_all()

    def lost(self, why: str) -> None:
        with self._changed:
            self.why = why
            self._changed.notify_all()

    def wait(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, 10), self.seen


@pytest.fixture
def api() -> FakeApi:
    return FakeApi([an_object("Pod", "old", 3)], version=5)


@pytest.fixture
def feed(api: FakeApi) -> Iterator[Feed]:
    feed = Feed(api, KNOWN["Pod"])
    feed.start()
    yield feed
    feed.stop()


def follow(feed: Feed, namespaces: frozenset[str] = EVERYWHERE) -> Listener:
    listener = Listener()
    feed.subscribe(listener, namespaces)
    return listener


def test_first_what_is_there_then_what_changes(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed)
    api.tell("ADDED", an_object("Pod", "new", 6))
    api.tell("MODIFIED", an_object("Pod", "old", 7))
    api.tell("BOOKMARK", {"metadata": {"resourceVersion": "8"}})
    api.tell("DELETED", an_object("Pod", "old", 9))
    listener.wait(lambda: len(listener.seen) == 4)
    assert listener.seen == [
        ("present", "old", 3),
        ("added", "new", 6),
        ("modified", "old", 7),
        ("deleted", "old", 9),
    ]
    late = follow(feed)
    assert late.seen == [("present", "new", 6)]


def test_only_the_namespaces_that_were_asked_for(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed, frozenset({"other"}))
    api.tell("ADDED", an_object("Pod", "mine", 6, namespace="ml"))
    api.tell("ADDED", an_object("Pod", "theirs", 7, namespace="other"))
    listener.wait(lambda: bool(listener.seen))
    assert listener.seen == [("added", "theirs", 7)]


@pytest.mark.parametrize("how", [DROP, END])
def test_a_dropped_connection_is_resumed_where_it_was(
    api: FakeApi, feed: Feed, how: object
) -> None:
    listener = follow(feed)
    api.tell("ADDED", an_object("Pod", "a", 6))
    api.tell("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    api.events.put(how)
    api.tell("ADDED", an_object("Pod", "b", 21))
    listener.wait(lambda: ("added", "b", 21) in listener.seen)
    assert api.watched_from == ["5", "20"]
    assert listener.gaps == []


def gone_by_event(api: FakeApi) -> None:
    api.events.put({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}})


def gone_by_status(api: FakeApi) -> None:
    api.refuse_watch.append(ApiAnswer(410, "Expired", "too old resource version"))
    api.events.put(DROP)


@pytest.mark.parametrize("how", [gone_by_event, gone_by_status])
def test_410_lists_again_and_tells_the_differences_and_the_gap(
    api: FakeApi, feed: Feed, how: Callable[[FakeApi], None]
) -> None:
    listener = follow(feed)
    api.tell("ADDED", an_object("Pod", "kept", 6))
    api.tell("ADDED", an_object("Pod", "changed", 7))
    reborn = an_object("Pod", "reborn", 8)
    api.tell("ADDED", reborn)
    listener.wait(lambda: len(listener.seen) == 4)
    twin = an_object("Pod", "reborn", 42, metadata={"uid": "another"})
    api.items = [
        an_object("Pod", "kept", 6),
        an_object("Pod", "changed", 40),
        an_object("Pod", "fresh", 41),
        twin,
    ]
    api.version = 50
    how(api)
    listener.wait(lambda: len(listener.seen) == 9)
    assert sorted(listener.seen[4:]) == [
        ("added", "fresh", 41),
        ("added", "reborn", 42),
        ("deleted", "old", 50),
        ("deleted", "reborn", 50),
        ("modified", "changed", 40),
    ]
    assert len(listener.gaps) == 1
    since, until = listener.gaps[0]
    assert since <= until


def test_a_server_that_stays_away_is_a_fault(
    api: FakeApi, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = follow(feed)
    monkeypatch.setattr(watch, "LOST_AFTER", 0.3)
    api.unreachable = True
    api.events.put(DROP)
    listener.wait(lambda: bool(listener.why))
    assert "refused the connection" in listener.why
    with pytest.raises(ClusterLost):
        follow(feed)


def test_a_server_that_comes_back_in_time_is_none(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed)
    api.unreachable = True
    api.events.put(DROP)
    time.sleep(0.3)
    api.unreachable = False
    api.tell("ADDED", an_object("Pod", "b", 21))
    listener.wait(lambda: ("added", "b", 21) in listener.seen)
    assert not listener.why


def test_a_watch_that_is_forbidden_is_a_fault(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed)
    api.refuse_watch.append(ApiAnswer(403, "Forbidden", "pods is forbidden"))
    api.events.put(DROP)
    listener.wait(lambda: bool(listener.why))
    assert "pods is forbidden" in listener.why


def test_an_overloaded_server_is_asked_again(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed)
    api.refuse_watch += [ApiAnswer(429, "TooManyRequests"), ApiAnswer(503, "")]
    api.events.put(DROP)
    api.tell("ADDED", an_object("Pod", "b", 21))
    listener.wait(lambda: ("added", "b", 21) in listener.seen)


def test_catching_up_waits_for_what_the_server_has(api: FakeApi, feed: Feed) -> None:
    listener = follow(feed)
    assert feed.catch_up("ml", time.monotonic() + 5)
    api.items = [an_object("Pod", "new", 9)]
    api.version = 9
    assert not feed.catch_up("ml", time.monotonic() + 0.05)
    threading.Timer(0.05, lambda: api.tell("DELETED", an_object("Pod", "old", 8))).start()
    threading.Timer(0.1, lambda: api.tell("ADDED", an_object("Pod", "new", 9))).start()
    assert feed.catch_up("ml", time.monotonic() + 5)
    assert len(listener.seen) == 3


def test_heartbeats_of_nodes_are_not_told() -> None:
    def node(version: int, beat: str) -> Object:
        condition = {"type": "Ready", "status": "True", "lastHeartbeatTime": beat}
        return an_object("Node", "n1", version, status={"conditions": [condition]})

    api = FakeApi([node(1, "1")])
    feed = Feed(api, KNOWN["Node"])
    feed.start()
    listener = follow(feed)
    api.tell("MODIFIED", node(2, "2"))
    labelled = node(3, "3")
    labelled["metadata"]["labels"] = {"gpu": "a100"}
    api.tell("MODIFIED", labelled)
    listener.wait(lambda: len(listener.seen) == 2)
    assert listener.seen == [("present", "n1", 1), ("modified", "n1", 3)]
    feed.stop()


def test_a_hub_has_one_watch_for_many_subscribers() -> None:
    api = FakeApi([an_object("Pod", "old", 3)])
    hub = WatchHub(api)
    first, second = Listener(), Listener()
    hub.follow(first, [KNOWN["Pod"]], ("ml",))
    hub.follow(second, [KNOWN["Pod"]], ("ml", "other"))
    assert len(hub.feeds()) == 1
    api.tell("ADDED", an_object("Pod", "a", 6))
    second.wait(lambda: len(second.seen) == 2)
    assert first.seen == second.seen
    hub.unfollow(first)
    api.tell("ADDED", an_object("Pod", "b", 7, namespace="other"))
    second.wait(lambda: len(second.seen) == 3)
    assert len(first.seen) == 2
    hub.close()
    with pytest.raises(RuntimeError):
        hub.follow(first, [KNOWN["Pod"]], ("ml",))


def test_a_hub_of_one_run_watches_only_its_own_namespaces() -> None:
    api = FakeApi()
    hub = WatchHub(api, ("a", "b"))
    hub.follow(Listener(), [KNOWN["Pod"], KNOWN["Node"], KNOWN["Namespace"]], ("a", "b"))
    paths = sorted(path for _, path, _, _ in api.requests)
    assert paths == [
        "/api/v1/namespaces",
        "/api/v1/namespaces",
        "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/b/pods",
        "/api/v1/nodes",
    ]
    hub.close()
