"""The objects that a Pod's volumes and environment refer to, and what is wrong while they lack.

A ConfigMap or Secret that a volume needs keeps all containers waiting, as a claim that is not
bound does; one that only an environment variable needs keeps its container waiting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.embedded.kubelet.facts import Event

Json = dict[str, Any]

RETRY_FIRST, RETRY_MAX = 0.5, 16.0
"""Seconds until the next try to mount; a kubelet's own longest is two minutes."""
_ALWAYS_THERE = "kube-root-ca.crt"
_WORDS: dict[str, tuple[str, str]] = {
    "ConfigMap": ("configmap", "configmap references non-existent config key"),
    "Secret": ("secret", "references non-existent secret key"),
}


@dataclass(frozen=True, order=True)
class Ref:
    """An object of the Pod's namespace."""

    kind: Literal["ConfigMap", "Secret", "PersistentVolumeClaim"]
    name: str


Objects = Mapping[Ref, Json | None]
"""What was found of each; None where there is no such object."""


@dataclass(frozen=True)
class _Source:
    """One source of a volume: the object, the keys that it must have, and whether it may lack."""

    ref: Ref
    keys: tuple[str, ...] = ()
    optional: bool = False


def content(found: Json) -> set[str]:
    """The keys of a ConfigMap or Secret."""
    return {*(found.get("data") or {}), *(found.get("binaryData") or {})}


def _file_source(kind: Literal["ConfigMap", "Secret"], source: Json) -> _Source:
    name = str(source.get("secretName") or source.get("name") or "")
    keys = tuple(str(item.get("key")) for item in source.get("items") or [])
    return _Source(Ref(kind, name), keys, bool(source.get("optional")))


def _sources(volume: Json, pod_name: str) -> Iterator[_Source]:
    if claim := volume.get("persistentVolumeClaim"):
        yield _Source(Ref("PersistentVolumeClaim", str(claim.get("claimName"))))
    if "ephemeral" in volume:
        yield _Source(Ref("PersistentVolumeClaim", f"{pod_name}-{volume['name']}"))
    projected = (volume.get("projected") or {}).get("sources") or []
    for holder in (volume, *projected):
        if source := holder.get("configMap"):
            yield _file_source("ConfigMap", source)
        if source := holder.get("secret"):
            yield _file_source("Secret", source)


def environment_refs(container: Json) -> set[Ref]:
    """The ConfigMaps and Secrets that a container's environment comes from."""
    found: set[Ref] = set()
    for entry in container.get("envFrom") or []:
        if source := entry.get("configMapRef"):
            found.add(Ref("ConfigMap", str(source.get("name"))))
        if source := entry.get("secretRef"):
            found.add(Ref("Secret", str(source.get("name"))))
    for variable in container.get("env") or []:
        value_from = variable.get("valueFrom") or {}
        if source := value_from.get("configMapKeyRef"):
            found.add(Ref("ConfigMap", str(source.get("name"))))
        if source := value_from.get("secretKeyRef"):
            found.add(Ref("Secret", str(source.get("name"))))
    return found


class Mounts:
    """The volumes of one Pod: mounted all together, tried again with a growing pause."""

    def __init__(self, manifest: Json, now: float) -> None:
        metadata = manifest["metadata"]
        self._namespace = metadata["namespace"]
        self._volumes = {
            str(volume["name"]): [
                source
                for source in _sources(volume, metadata["name"])
                if source.ref.name != _ALWAYS_THERE
            ]
            for volume in manifest["spec"].get("volumes") or []
        }
        self.refs = {source.ref for sources in self._volumes.values() for source in sources}
        self.done = not self.refs
        self.next_at = math.inf if self.done else now
        self._pause = RETRY_FIRST

    def skip(self) -> None:
        """The Pod's containers run already, so its volumes are there."""
        self.done, self.next_at = True, math.inf

    def attempt(self, now: float, objects: Objects) -> list[Event]:
        """Try to mount everything; returns what the kubelet says where that fails."""
        events = []
        for name, sources in self._volumes.items():
            for source in sources:
                if problem := self._problem(name, source, objects):
                    events.append(Event("Warning", "FailedMount", problem))
                    break
        self.done = not events
        self.next_at = math.inf if self.done else now + self._pause
        self._pause = min(self._pause * 2, RETRY_MAX)
        return events

    def _problem(self, volume: str, source: _Source, objects: Objects) -> str:
        found = objects.get(source.ref)
        if source.ref.kind == "PersistentVolumeClaim":
            return self._claim_problem(volume, source.ref.name, found)
        word, no_key = _WORDS[source.ref.kind]
        failed = f'MountVolume.SetUp failed for volume "{volume}" : '
        if found is None:
            return "" if source.optional else f'{failed}{word} "{source.ref.name}" not found'
        missing = [key for key in source.keys if key not in content(found)]
        if missing and not source.optional:
            return f"{failed}{no_key}: {missing[0]}"
        return ""

    def _claim_problem(self, volume: str, name: str, claim: Json | None) -> str:
        failed = (
            f"Unable to attach or mount volumes: unmounted volumes=[{volume}], "
            f"unattached volumes=[], failed to process volumes=[{volume}]: "
            f"error processing PVC {self._namespace}/{name}: "
        )
        if claim is None:
            missing = f'persistentvolumeclaims "{name}" not found'
            return f"{failed}failed to fetch PVC from API server: {missing}"
        if (claim.get("status") or {}).get("phase") != "Bound":
            return f"{failed}PVC is not bound"
        return ""
