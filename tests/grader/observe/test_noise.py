from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from grader.observe.noise import (
    LAST_APPLIED,
    clean,
    is_of_before,
    same_but_for_heartbeats,
    without_secrets,
)
from tests.grader.observe.samples import an_object


def test_bookkeeping_is_left_out_and_the_original_kept() -> None:
    annotations = {LAST_APPLIED: "{}", "team": "ml"}
    obj = an_object("Pod", "a", metadata={"managedFields": [1], "annotations": annotations})
    found = clean(obj)["metadata"]
    assert "managedFields" not in found
    assert found["annotations"] == {"team": "ml"}
    assert obj["metadata"]["managedFields"] == [1]
    only = an_object("Pod", "a", metadata={"annotations": {LAST_APPLIED: "{}"}})
    assert "annotations" not in clean(only)["metadata"]
    assert clean({"kind": "Odd"}) == {"kind": "Odd"}


def test_secrets_are_hashed_with_the_recordings_own_key() -> None:
    secret = an_object("Secret", "a", data={"one": "aGk=", "two": "aGk=", "three": "aG8="})
    found = without_secrets(secret, b"key")["data"]
    assert found["one"].startswith("hmac-sha256:")
    assert found["one"] == found["two"] != found["three"]
    assert without_secrets(secret, b"other")["data"]["one"] != found["one"]
    assert secret["data"]["one"] == "aGk="
    config = an_object("ConfigMap", "a", data={"one": "aGk="})
    assert without_secrets(config, b"key") == config
    assert without_secrets(an_object("Secret", "a"), b"key").get("data") is None


def test_heartbeats_of_nodes() -> None:
    def node(version: int, beat: str, ready: str, images: int) -> dict[str, object]:
        condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": beat}
        status = {"conditions": [condition], "images": [{}] * images}
        return an_object("Node", "n1", version, status=status)

    old = node(1, "10:00", "True", 1)
    assert same_but_for_heartbeats(old, node(2, "10:05", "True", 3))
    assert not same_but_for_heartbeats(old, node(2, "10:05", "False", 1))
    assert not same_but_for_heartbeats(None, old)
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"gpu": "a100"}}}  # type: ignore[dict-item]
    assert not same_but_for_heartbeats(old, labelled)


@pytest.mark.parametrize(
    ("event", "before"),
    [
        ({"eventTime": "2026-01-01T10:00:04.900000Z"}, True),
        ({"eventTime": "2026-01-01T10:00:05.600000Z"}, False),
        ({"eventTime": None, "lastTimestamp": "2026-01-01T10:00:04Z"}, True),
        # Of whole seconds: it may have been said after the beginning.
        ({"eventTime": None, "lastTimestamp": "2026-01-01T10:00:05Z"}, False),
        ({"lastTimestamp": None}, False),
        ({"lastTimestamp": "yesterday"}, False),
        ({"lastTimestamp": "2026-01-01T10:00:04"}, False),
        ({"kind": "Pod", "lastTimestamp": "2026-01-01T10:00:04Z"}, False),
    ],
)
def test_events_of_an_earlier_run_are_told_apart(event: dict[str, Any], before: bool) -> None:
    started = datetime(2026, 1, 1, 10, 0, 5, 500_000, tzinfo=UTC)
    assert is_of_before({"kind": "Event", **event}, started) is before
