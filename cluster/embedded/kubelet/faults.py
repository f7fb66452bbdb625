"""Pods whose simulation broke: an error of ours, which must never look like one of the Pod.

Whoever grades what happened asks for them (`cluster.embedded.metrics.answers.signs_path`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]

log = logging.getLogger(__name__)

MOST = 1000
"""So many are kept; the oldest is forgotten then."""


class Broken(Exception):
    """The simulation of a Pod raised what it must not raise; the cause is chained."""


@contextmanager
def broken_if_raised() -> Iterator[None]:
    """Around code that touches no network: whatever it raises is a fault and no trouble.

    Without this a ValueError of the simulation would look like an answer that broke off, and be
    tried again for ever.
    """
    try:
        yield
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error


class Faults:
    """What broke, by namespace."""

    def __init__(self) -> None:
        self._found: list[tuple[str, Json]] = []

    def of(self, namespace: str) -> list[Json]:
        """The faults in a namespace: uid of the Pod, and a text for a person."""
        return [fault for space, fault in self._found if space == namespace]

    def note(self, manifest: Json, error: Exception) -> None:
        """Remember that this Pod is no longer simulated."""
        metadata = manifest.get("metadata") or {}
        name = metadata.get("name")
        log.error("%s is no longer simulated", name, exc_info=error)
        what = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
        fault = {"uid": metadata.get("uid"), "text": f"Pod/{name}: {what}"}
        self._found = [*self._found, (str(metadata.get("namespace")), fault)][-MOST:]

    @contextmanager
    def noted(self, manifest: Json) -> Iterator[None]:
        """Around what takes in one Pod, so that it cannot disturb the others."""
        try:
            yield
        except Exception as error:
            self.note(manifest, error)
