"""Simulated containers: fixed durations, back-off, and what is known and said of them.

All durations are seconds of a real machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from cluster.model import ServerModel

Json = dict[str, Any]

PULL = 2.0
"""Seconds to pull an image that the node does not have yet."""
RESOLVE = 0.5
"""Seconds to ask the registry about an image, where nothing has to be fetched."""
START = 0.5
"""Seconds from a pulled image to a running process."""
STOP = 2.0
"""Seconds that a process takes to end after SIGTERM."""
INIT = 1.0
"""Seconds that an init container works where its server model does not say."""
BACKOFF_FIRST, BACKOFF_MAX = 10.0, 300.0
BACKOFF_RESET = 600.0
"""A container that ran for so long starts with a clean slate."""


@dataclass(frozen=True)
class Event:
    """What the kubelet says about a container, or about the Pod where `container` is empty."""

    type: str
    reason: str
    message: str
    container: str = ""
    init: bool = False
    times: int = 1
    """How often it happened since it was last said."""


@dataclass
class Surroundings:
    """What a container needs to know of its Pod, its node and the simulation."""

    servers: tuple[ServerModel, ...]
    pod_name: str
    namespace: str
    uid: str
    ip: str = ""
    restart_policy: str = "Always"
    pulled: set[str] = field(default_factory=set)
    """Images that the node has."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, reason, and when it began and ended."""

    exit_code: int
    reason: str
    started: float
    finished: float
    container_id: str
    message: str = ""


def grown(backoff: float) -> float:
    """The back-off after the next failure, in seconds of a real machine."""
    return min(backoff * 2, BACKOFF_MAX) if backoff else BACKOFF_FIRST


def go_duration(seconds: float) -> str:
    """Seconds as Go prints a duration: 40s, 1m20s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def pre_stop_seconds(spec: Json) -> float:
    """How long a container's preStop hook takes: a `sleep` hook, or a command with `sleep N`."""
    hook = (spec.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return float(hook["sleep"].get("seconds") or 0)
    command = " ".join(str(word) for word in (hook.get("exec") or {}).get("command") or [])
    found = re.search(r"\bsleep\s+(\d+(?:\.\d+)?)", command)
    return float(found.group(1)) if found else 0.0
