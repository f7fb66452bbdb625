"""What a picture tells, as plain data. Times are seconds since the recording began."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PodState = Literal[
    "waiting",  # no node yet
    "starting",  # on a node, not Ready so far
    "ready",
    "unready",  # was Ready, is not any more
    "failing",  # crashed, or held back before the next try
    "terminating",
    "succeeded",
    "failed",
]

Tone = Literal["trouble", "stop", "wait", "miss", "scale"]
"""What an event means to a reader: something broke, ended, could not be placed, was not ready when
it was asked, or grew."""

Points = list[tuple[float, float]]
"""A value over time: (second, value), each holding until the next."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the scenario, drawn from its beginning to that of the next.

    `note` says how it ended ("settled", "quiet", "too long", ...), at second `ended`.
    """

    name: str
    kind: str
    begin: float
    end: float
    ended: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, or something read from a status (a container that was OOMKilled)."""

    at: float
    about: str
    reason: str
    message: str
    tone: Tone


@dataclass(slots=True)
class Segment:
    """A stretch of a Pod's life in one state; `why` is Kubernetes' own reason if it gives one."""

    begin: float
    end: float
    state: PodState
    why: str = ""


@dataclass(slots=True)
class PodLane:
    """One Pod's life. `version` is the tag (or short digest) of its first container's image."""

    namespace: str
    name: str
    owner: str
    version: str = ""
    node: str = ""
    restarts: int = 0
    segments: list[Segment] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)


@dataclass(slots=True)
class Workload:
    """What owns Pods: how many it wants, how many are ready (by version), and those Pods.

    `wanted` is empty where the kind names no number (a bare Pod, a Job).
    """

    namespace: str
    kind: str
    name: str
    wanted: Points = field(default_factory=list)
    ready: dict[str, Points] = field(default_factory=dict)
    pods: list[PodLane] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """`Deployment/web`."""
        return f"{self.kind}/{self.name}"


@dataclass(slots=True)
class Service:
    """Ready endpoints of a Service over time, by the version of the Pod behind them."""

    namespace: str
    name: str
    ready: dict[str, Points] = field(default_factory=dict)


@dataclass(slots=True)
class Series:
    """Measured values: `rate` (requests/s), `cpu` (cores), `memory` (bytes) or `queue`.

    One curve for each object; `of` is the workload that owns them, or the Service.
    `target` is where an autoscaler wants each curve to be, None where nothing does.
    """

    namespace: str
    series: str
    of: str
    curves: dict[str, Points] = field(default_factory=dict)
    target: float | None = None


@dataclass(slots=True)
class Story:
    """Everything that a picture of one recording may show."""

    lab: str
    submission: str
    evidence: str
    simulated: bool
    end: float
    fault: str = ""
    namespaces: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    gaps: list[tuple[float, float]] = field(default_factory=list)
