"""A recording: everything that was seen while a scenario was played, in one total order.

Changes are ordered by resourceVersion, which is comparable between objects of one cluster
(KEP-5504, Kubernetes 1.35), so replaying them gives the state at every moment, across kinds,
whatever the order in which separate watches delivered them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.model import Capabilities

FORMAT = "mlk8s-recording/2"
KEPT_BACK = frozenset(
    {
        *("BadManifest", "KindNotAllowed", "NoName", "Reserved", "NoNamespace"),
        *("ForeignNamespace", "PodSecurityWeakened", "NodeFieldNotAllowed"),
    }
)
"""Reasons for which the grader keeps an object back; no API server gives them."""

Verb = Literal["present", "added", "modified", "deleted"]
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One object as it became at `at` (seconds since the recording began).

    `present` objects were there when the watch began. `version` is the resourceVersion as a number.
    `deleted` carries the object's last state.
    """

    at: float
    version: int
    verb: Verb
    object: Object


@dataclass(frozen=True, slots=True)
class Mark:
    """A step of the scenario begins (`phase` "begin") or has ended ("end").

    `version` is the cluster's resourceVersion at that moment, so a mark has its place among the
    changes. `note` says how a step ended: "settled", "quiet", "too long", ...
    """

    at: float
    version: int
    step: str
    kind: str
    phase: Literal["begin", "end"]
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the API server, or a Service, answered one request of the scenario.

    `verb` is apply, create, patch, scale, delete, evict, kill, load, queue, may or request; `code`
    the HTTP status, 0 when the request could not be made at all (`reason` says why). `body` holds
    a response's text for `request`, the object for a `send` that only asks, and what alerts say
    for `rules`. `namespace` is where the target is, empty outside of namespaces. `actor` says who
    asked, or for `may` about whom, where it is not the submission itself.
    """

    at: float
    step: str
    verb: str
    target: str
    code: int
    reason: str = ""
    message: str = ""
    place: str = ""
    body: str = ""
    namespace: str = ""
    actor: str = ""

    @property
    def ok(self) -> bool:
        """Accepted."""
        return 200 <= self.code < 300

    @property
    def kept_back(self) -> bool:
        """Refused by the grader itself, which did not send the request at all."""
        return self.reason in KEPT_BACK


@dataclass(frozen=True, slots=True)
class Log:
    """The tail of one container's log, taken when the scenario ended or a container died."""

    at: float
    pod: str
    container: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The watch of one kind was blind from `since` to `until`: the server had forgotten the
    changes in between (410 Gone). States are known again after it; what lay within is not."""

    since: float
    until: float
    kind: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a series that the API does not tell as changes of objects.

    `series` is `cpu` (cores, measured) or `memory` (bytes, measured) of `Pod/x`; `rate` (requests
    a second, as put there) of `Service/x`; or `queue` (as put there) of a metric, with its labels:
    `queue_length{queue=embeddings}`. Samples that were measured together have the same `at`.
    """

    at: float
    step: str
    series: str
    object: str
    namespace: str
    value: float


@dataclass(slots=True)
class Recording:
    """One play of a lab's scenario with one submission.

    `fault` says why the recording is incomplete (the API server died, Ctrl-C); then no check may
    take its evidence as final. `sources` are the submission's files, Secrets hashed, so that
    checks over manifests can be judged again from the recording alone.
    """

    lab: str
    lab_digest: str
    submission: str
    submission_digest: str
    provider: str
    kubernetes: str
    capabilities: Capabilities
    namespaces: tuple[str, ...]
    started: str
    changes: list[Change] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)
    live: bool = False
    fault: str = ""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether the whole scenario was played and seen."""
        return not self.fault

    def header(self) -> dict[str, Any]:
        """The first line of the file: everything but the lists."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in _NOT_PLAIN}
        return {
            "format": FORMAT,
            **plain,
            "namespaces": list(self.namespaces),
            "capabilities": self.capabilities.model_dump(),
        }


LISTS = ("sources", "marks", "changes", "answers", "logs", "gaps", "samples")
"""The lists of a recording, in the order in which its file has them."""
_NOT_PLAIN = frozenset({*LISTS, "capabilities"})
