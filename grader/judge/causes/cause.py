"""A cause with its evidence, and the chain of what followed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from grader.judge.language.expectation import shorten

Word = Literal[
    "admission",
    "quota",
    "scheduling",
    "claim",
    "image",
    "configuration",
    "init-container",
    "memory",
    "crash",
    "probe",
    "selector",
    "port",
    "eviction",
    "deadline",
    "metrics",
    "starting",
]
"""What kind of cause it is. `starting` is no fault: the Pod had simply not had its time yet."""

WORDS: tuple[str, ...] = get_args(Word)

SHORT: dict[str, str] = {
    "admission": "refused by the API server",
    "quota": "quota exceeded",
    "scheduling": "no node fits",
    "claim": "volume not available",
    "image": "image pull failed",
    "configuration": "configuration missing",
    "init-container": "init container failed",
    "memory": "container out of memory",
    "crash": "container crashed",
    "probe": "probe failed",
    "selector": "selector matches no Pod",
    "port": "port name unknown",
    "eviction": "Pod evicted",
    "deadline": "deadline exceeded",
    "metrics": "metrics missing",
    "starting": "Pod still starting",
}
"""Each word as the first link of a chain."""


@dataclass(frozen=True)
class Cause:
    """The first thing that went wrong.

    `about` is the object as `Kind/name`, in `namespace`; `field` the field of it, or of the
    workload's Pod template, that it concerns; `what` says what happened without the cluster's
    words, `said` gives these words, `source` where they stand ("event FailedScheduling"), `at` the
    second of the recording in which they were first seen. `container` is empty where none is
    concerned.
    """

    word: Word
    about: str
    namespace: str
    field: str
    what: str
    said: str
    source: str
    at: float
    container: str = ""

    @property
    def sentence(self) -> str:
        """What happened, in the cluster's words, with the place of the evidence."""
        place = f"({self.source} of {self.about}, {self.at:.1f} s)"
        if not self.said:
            return f"{self.what} {place}"
        return f"{self.what}: {shorten(self.said, 240)} {place}"


@dataclass(frozen=True)
class Effect:
    """Something that followed: `short` is its link of the chain, `sentence` tells it in full.

    Either is empty where what stands before has said it already.
    """

    about: str
    short: str
    sentence: str


@dataclass(frozen=True)
class Chain:
    """A cause and what followed. `workload` is the object at which it began, `pods` those of its
    Pods that it concerns."""

    workload: str
    cause: Cause
    effects: tuple[Effect, ...] = ()
    pods: tuple[str, ...] = ()

    @property
    def links(self) -> str:
        """`image pull failed -> Pod not Ready -> Service without endpoints`."""
        followed = [effect.short for effect in self.effects if effect.short]
        return " -> ".join([SHORT[self.cause.word], *followed])

    @property
    def lines(self) -> list[str]:
        """The cause's sentence, then one for each effect."""
        told = [effect.sentence for effect in self.effects if effect.sentence]
        return [self.cause.sentence, *told]

    @property
    def objects(self) -> frozenset[str]:
        """All objects that the chain speaks of, as `Kind/name`."""
        about = [self.workload, self.cause.about, *(effect.about for effect in self.effects)]
        return frozenset([*about, *(f"Pod/{pod}" for pod in self.pods)])

    @property
    def names(self) -> frozenset[str]:
        """Their names alone."""
        return frozenset(about.partition("/")[2] for about in self.objects)
