"""Simulated containers: fixed durations, back-off, and what is known and said of them.

All durations are seconds of a real machine.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.embedded.kubelet import images, memory
from cluster.model import ServerModel

if TYPE_CHECKING:
    from cluster.embedded.kubelet.references import Ref

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
CONFIG_RETRY = 10.0
"""Seconds until a container whose environment lacks something is tried again."""
GRACE = 30.0
"""A Pod's time for ending where it does not say."""
BACKOFF_FIRST, BACKOFF_MAX = 10.0, 300.0
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
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
    pod: Json
    """The Pod's manifest as it is now."""
    ip: str = ""
    restart_policy: str = "Always"
    pulled: set[str] = field(default_factory=set)
    """Images that the node has."""
    node_memory: float = math.inf
    """Bytes."""
    objects: dict[Ref, Json | None] = field(default_factory=dict)
    """What was found of the objects that the Pod refers to."""

    @property
    def pod_name(self) -> str:
        """The Pod's name."""
        return str(self.pod["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The Pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """The Pod's uid."""
        return str(self.pod["metadata"]["uid"])

    @property
    def grace(self) -> float:
        """Seconds that a process of this Pod has to end."""
        seconds = self.pod["spec"].get("terminationGracePeriodSeconds")
        return GRACE if seconds is None else float(seconds)

    @property
    def index(self) -> int | None:
        """The Pod's index in an Indexed Job."""
        return self._annotated(INDEX)

    @property
    def failures_before(self) -> int:
        """How often this index failed before this Pod."""
        return self._annotated(INDEX_FAILURES) or 0

    def _annotated(self, name: str) -> int | None:
        text = str((self.pod["metadata"].get("annotations") or {}).get(name, ""))
        return int(text) if text.isdigit() else None

    def room(self, container: Json) -> float:
        """Bytes that a container may have: its limit, its Pod's, or what the node has.

        Where the Pod as a whole has a limit, what the other containers hold at rest counts too.
        """
        spec = self.pod["spec"]
        main = [c for c in spec["containers"] if c["name"] != container["name"]]
        if len(main) == len(spec["containers"]):
            main = []  # an init container, which has the Pod to itself
        others = sum(
            memory.rest_of(images.find_server(str(c.get("image")), self.servers, c["name"]))
            for c in main
        )
        whole = memory.limit(spec.get("resources"), "memory") - others
        return min(memory.limit(container.get("resources"), "memory"), whole, self.node_memory)


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, reason, and when it began and ended."""

    exit_code: int
    reason: str
    started: float
    finished: float
    container_id: str
    message: str = ""
    words: tuple[str, ...] = ()
    """The last lines of its log."""


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
