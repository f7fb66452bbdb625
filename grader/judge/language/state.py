"""The cluster's state at each moment of a recording, rebuilt by replaying its changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grader.model.recording import Change, Object, Recording

Key = tuple[str, str]


@dataclass(frozen=True)
class Endpoint:
    """One ready address of a Service. `ports` are numbers; `pod` and `node` may be empty."""

    ip: str
    ports: tuple[int, ...]
    pod: str
    node: str


class State:
    """Objects by kind, as they are at one moment."""

    def __init__(self, owners: dict[str, tuple[str, str, str | None]]) -> None:
        self._kinds: dict[str, dict[Key, Object]] = {}
        self._owners = owners
        self._only: str | None = None

    def inside(self, namespace: str | None) -> State:
        """The same state, of which only one namespace is seen, and what is in none."""
        if namespace is None:
            return self
        narrowed = State(self._owners)
        narrowed._kinds, narrowed._only = self._kinds, namespace
        return narrowed

    def _seen(self, kind: str) -> list[tuple[Key, Object]]:
        found = self._kinds.get(kind, {}).items()
        if self._only is None:
            return list(found)
        return [(key, obj) for key, obj in found if key[0] in ("", self._only)]

    def take(self, change: Change) -> None:
        """Bring the state to after this change."""
        found = change.object
        metadata = found["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        objects = self._kinds.setdefault(found["kind"], {})
        if change.verb == "deleted":
            objects.pop(key, None)
        else:
            objects[key] = found

    def objects(self, kind: str) -> list[Object]:
        """All objects of a kind, in order of namespace and name."""
        return [found for _, found in sorted(self._seen(kind), key=lambda item: item[0])]

    def object(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None."""
        for (place, found_name), found in self._seen(kind):
            if found_name == name and namespace in (None, place):
                return found
        return None

    def pods(self, of: str | None = None) -> list[Object]:
        """Pods, or those owned by `Kind/name` directly or through a ReplicaSet or Job."""
        pods = self.objects("Pod")
        return pods if of is None else [p for p in pods if of in owner_chain(p, self._owners)]

    def replica_sets(self, of: str) -> list[Object]:
        """ReplicaSets owned by `Deployment/name`."""
        found = self.objects("ReplicaSet")
        return [one for one in found if of in owner_chain(one, self._owners)]

    def ready_pods(self, of: str | None = None) -> list[Object]:
        """Pods with condition Ready that are not being deleted."""
        return [pod for pod in self.pods(of) if is_ready(pod) and not is_terminating(pod)]

    def endpoints(self, service: str) -> list[Endpoint]:
        """Ready addresses in the Service's EndpointSlices, in order of address."""
        found: dict[str, Endpoint] = {}
        for piece in self.objects("EndpointSlice"):
            labels = piece["metadata"].get("labels") or {}
            if labels.get("kubernetes.io/service-name") != service:
                continue
            ports = tuple(
                int(port["port"]) for port in piece.get("ports") or [] if port.get("port")
            )
            for entry in piece.get("endpoints") or []:
                if (entry.get("conditions") or {}).get("ready") is False:
                    continue
                pod = (entry.get("targetRef") or {}).get("name", "")
                for ip in entry.get("addresses") or []:
                    found[ip] = Endpoint(ip, ports, pod, entry.get("nodeName", ""))
        return [found[ip] for ip in sorted(found)]


Owners = dict[str, tuple[str, str, str | None]]
"""uid -> kind, name and controller's uid."""


def owner_chain(found: Object, owners: Owners) -> set[str]:
    """Everything above an object as `Kind/name`."""
    chain: set[str] = set()
    uid = _controller(found)
    while uid in owners:
        kind, name, uid_above = owners[uid]
        chain.add(f"{kind}/{name}")
        if uid_above is None:
            break
        uid = uid_above
    for reference in found["metadata"].get("ownerReferences") or []:
        chain.add(f"{reference['kind']}/{reference['name']}")
    return chain


class History:
    """A recording's changes in their total order, and the states between them."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def changes(self) -> list[Change]:
        """All changes by resourceVersion."""
        return sorted(self.recording.changes, key=lambda change: change.version)

    @cached_property
    def seen_at(self) -> list[tuple[float, int]]:
        """Time and version of each change, with the highest version seen by then, by time."""
        highest = 0
        found = []
        for change in sorted(self.recording.changes, key=lambda change: change.at):
            highest = max(highest, change.version)
            found.append((change.at, highest))
        return found

    @cached_property
    def owners(self) -> dict[str, tuple[str, str, str | None]]:
        """uid -> kind, name and controller's uid of everything that was ever seen."""
        seen: dict[str, tuple[str, str, str | None]] = {}
        for change in self.recording.changes:
            metadata = change.object["metadata"]
            uid = metadata.get("uid")
            if uid:
                seen[uid] = (change.object["kind"], metadata["name"], _controller(change.object))
        return seen

    def pods_ever(self, of: str) -> set[tuple[str, str]]:
        """Namespace and `Pod/name` of every Pod of `Kind/name` that was ever there."""
        return {
            (
                str(c.object["metadata"].get("namespace") or ""),
                f"Pod/{c.object['metadata']['name']}",
            )
            for c in self.recording.changes
            if c.object["kind"] == "Pod" and of in owner_chain(c.object, self.owners)
        }

    def moments(self, begin: int, end: int | None) -> Iterator[tuple[Change | None, State]]:
        """The state at version `begin` (with None), then after each change up to `end`.

        The same State object is handed out each time; take from it what you need at once.
        """
        state = State(self.owners)
        started = False
        for change in self.changes:
            if end is not None and change.version > end:
                break
            if not started and change.version > begin:
                yield None, state
                started = True
            state.take(change)
            if started:
                yield change, state
        if not started:
            yield None, state

    def at(self, version: int | None) -> State:
        """The state just after `version`; None: at the end."""
        state = State(self.owners)
        for change in self.changes:
            if version is not None and change.version > version:
                break
            state.take(change)
        return state


def condition(found: Object, kind: str) -> Object | None:
    """The status condition of this type, or None."""
    for entry in (found.get("status") or {}).get("conditions") or []:
        if entry.get("type") == kind:
            return dict(entry)
    return None


def is_ready(pod: Object) -> bool:
    """Whether the Pod's condition Ready is True."""
    ready = condition(pod, "Ready")
    return ready is not None and ready.get("status") == "True"


def is_terminating(found: Object) -> bool:
    """Whether the object is being deleted."""
    return bool(found["metadata"].get("deletionTimestamp"))


def _controller(found: Object) -> str | None:
    for reference in found["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def describe(value: Any) -> str:
    """What a check saw, in a few words."""
    if isinstance(value, list) and value and isinstance(value[0], Endpoint):
        return f"{len(value)} ready: " + ", ".join(e.pod or e.ip for e in value)
    if isinstance(value, list) and value and _is_object(value[0]):
        return f"{len(value)}: " + ", ".join(_brief(found) for found in value)
    if _is_object(value):
        return _brief(value)
    if value in ([], {}, None):
        return "none"
    return str(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "kind" in value and "metadata" in value


def _brief(found: Object) -> str:
    name = f"{found['kind']}/{found['metadata']['name']}"
    if found["kind"] in ("Deployment", "ReplicaSet", "StatefulSet"):
        status, wanted = found.get("status") or {}, (found.get("spec") or {}).get("replicas", 1)
        return f"{name} ({status.get('readyReplicas', 0)} of {wanted} replicas ready)"
    if found["kind"] != "Pod":
        return name
    phase = (found.get("status") or {}).get("phase", "Pending")
    words = "terminating" if is_terminating(found) else "ready" if is_ready(found) else phase
    node = (found.get("spec") or {}).get("nodeName")
    return f"{found['metadata']['name']} ({words}{' on ' + node if node else ''})"
