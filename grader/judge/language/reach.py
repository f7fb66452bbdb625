"""Who may reach whom: the words in which checks ask about NetworkPolicies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note
from grader.judge.language.network import Network, Peer, Port, Reach
from grader.model.recording import Object

Json = Mapping[str, Any]


class Reachability:
    """The network as its policies make it. `where` are the places of the policies."""

    def __init__(
        self, network: Network, find: Callable[[str, str | None], Peer | None], where: str
    ) -> None:
        self._network = network
        self._find = find
        self.where = where

    def workload(self, of: str, namespace: str | None = None) -> Peer:
        """A Pod of `Kind/name`; fails where there is none."""
        found = self._find(of, namespace)
        if found is None:
            place = f" in namespace {namespace}" if namespace else ""
            raise CheckFailed(f"a Pod of {of}{place}", "there is none")
        return found

    def allows(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> Reach:
        """Whether `source` may open a connection to this port of `target`; true if it may."""
        return self._network.allows(source, target, port, protocol)

    def reaches(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> Reachability:
        """`source` may open such a connection."""
        found = self.allows(source, target, port, protocol)
        if not found:
            wanted = f"{source} to reach {target} at {protocol} {port}"
            raise CheckFailed(wanted, found.reason, self.where)
        note(f"{source} reaches {target} at {protocol} {port}: {found.reason}", self.where)
        return self

    def blocks(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> Reachability:
        """`source` may not."""
        found = self.allows(source, target, port, protocol)
        if found:
            wanted = f"{source} not to reach {target} at {protocol} {port}"
            raise CheckFailed(wanted, found.reason, self.where)
        note(f"{source} is kept from {target} at {protocol} {port}: {found.reason}", self.where)
        return self

    def isolates(self, source: Peer, target: Peer, but: Iterable[Port] = ()) -> Reachability:
        """`source` may open no connection to `target` by any protocol, but to the ports in `but`,
        such as `[(53, "UDP")]`. Those are not asked about: they may be open or not."""
        spared = set(but)
        for port, protocol in self._network.turning_points(target, spared):
            if (port, protocol) in spared:
                continue
            found = self.allows(source, target, port, protocol)
            if found:
                wanted = f"{source} not to reach {target} at {protocol} {port}"
                raise CheckFailed(wanted, found.reason, self.where)
        besides = ", ".join(f"{protocol} {port}" for port, protocol in sorted(spared))
        ports = f"every port but {besides}" if besides else "every port"
        note(f"{source} is kept from {target} at {ports}", self.where)
        return self


def pod(
    name: str,
    namespace: str,
    labels: Mapping[str, str] | None = None,
    ports: Mapping[str, tuple[int, str]] | None = None,
) -> Peer:
    """A Pod that is not among the learner's, to ask about."""
    return Peer(name, namespace, dict(labels or {}), None, dict(ports or {}))


def address(ip: str) -> Peer:
    """An address outside of the cluster."""
    return Peer(ip, None, ip=ip)


def peer_of(name: str, namespace: str, labels: Any, spec: Any, ip: str | None = None) -> Peer:
    """The peer that a Pod with these labels and this Pod spec is."""
    ports: dict[str, tuple[int, str]] = {}
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    for container in containers if isinstance(containers, list) else []:
        for port in _entries(container, "ports"):
            if isinstance(port.get("name"), str) and isinstance(port.get("containerPort"), int):
                number, protocol = port["containerPort"], str(port.get("protocol") or "TCP")
                ports.setdefault(port["name"], (number, protocol))
    written = labels.items() if isinstance(labels, Mapping) else ()
    return Peer(name, namespace, {str(k): str(v) for k, v in written}, ip, ports)


def labels_of(namespaces: Iterable[Json]) -> dict[str, dict[str, str]]:
    """Namespace objects by name, with their labels."""
    found = {}
    for namespace in namespaces:
        metadata = namespace.get("metadata") or {}
        found[str(metadata.get("name"))] = dict(metadata.get("labels") or {})
    return found


def recorded(
    policies: list[Object], namespaces: list[Object], pods: Callable[[str], list[Object]]
) -> Reachability:
    """The network at one moment of a recording; `pods` finds the Pods of `Kind/name`."""

    def find(of: str, namespace: str | None) -> Peer | None:
        for found in pods(of):
            metadata = found["metadata"]
            if namespace in (None, metadata.get("namespace")):
                ip = (found.get("status") or {}).get("podIP")
                place, labels = str(metadata.get("namespace")), metadata.get("labels")
                return peer_of(metadata["name"], place, labels, found.get("spec"), ip)
        return None

    names = ", ".join(f"NetworkPolicy/{p['metadata']['name']}" for p in policies)
    return Reachability(Network(policies, labels_of(namespaces)), find, names)


def _entries(value: Any, key: str) -> list[Json]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return [e for e in found if isinstance(e, Mapping)] if isinstance(found, list) else []
