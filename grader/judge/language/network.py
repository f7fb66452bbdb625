"""What NetworkPolicies let through, computed from their documented semantics.

A pure function of policies, Pods and namespaces: nothing is sent, and no network plugin is asked.
Where each rule comes from is the Kubernetes documentation, "Network Policies", and the API
reference of NetworkPolicy v1:

- A Pod is isolated for ingress (egress) once a policy of its own namespace selects it and has that
  policy type; then only what some such policy allows is let through. Policies add up, their order
  means nothing, and none of them can forbid what another allows.
- A connection needs both sides: the egress of its source and the ingress of its target. Answers
  to an allowed connection are allowed. A Pod can always reach itself.
- Without `policyTypes` a policy is for Ingress, and for Egress if it has an egress rule.
- A rule without (or with an empty) `from`, `to` or `ports` does not ask for that; a policy without
  rules allows nothing.
- Within one entry of `from` or `to`, namespaceSelector *and* podSelector must match; two entries
  are two ways. An absent selector does not ask, an empty one matches everything. A podSelector
  alone means the policy's own namespace.
- An `ipBlock` is meant for addresses outside of the cluster. It matches a Pod if the Pod's address
  is known and lies in it; a Pod whose address is not known yet lies in a block of all addresses
  only.
- A named port is looked up in the target Pod, with its protocol; `endPort` makes a range.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grader.model.selectors import matches

Json = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]
Port = tuple[int, str]
"""A number and its protocol: (53, "UDP")."""
LAST_PORT = 65535
NAME_LABEL = "kubernetes.io/metadata.name"
"""The label with its own name that the API server gives to every namespace."""


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a Pod, or with `namespace` None an address outside the cluster.

    `ports` are the named ports of its containers: name -> (number, protocol).
    """

    name: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    ip: str | None = None
    ports: Mapping[str, Port] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Reach:
    """Whether one Pod may open a connection to another, and what decided it; true if it may."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


class Network:
    """Policies in force among namespaces; `namespaces` maps each name to its labels."""

    def __init__(
        self, policies: Iterable[Json], namespaces: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._policies = list(policies)
        self._namespaces = {
            name: {**labels, NAME_LABEL: name} for name, labels in namespaces.items()
        }

    def allows(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> Reach:
        """Whether `source` may open a connection to this port of `target` (the Pod's own port,
        not a Service's)."""
        if source.namespace is not None and source == target:
            return Reach(True, f"{source} may always reach itself")
        out = self._side("Egress", source, target, target, port, protocol)
        if not out:
            return out
        into = self._side("Ingress", target, source, target, port, protocol)
        return into if not into else Reach(True, f"{out.reason}, and {into.reason}")

    def turning_points(self, target: Peer, spared: Iterable[Port] = ()) -> list[Port]:
        """Ports of `target` that stand for all ports, those in `spared` apart.

        What the policies say changes only at a number that is written in one of them. So whoever
        may reach any port at all that is not spared may reach one of these: the first and the last
        port there is, every number written, every named port of the target and every spared one,
        each with its neighbours. A protocol that nobody writes is as open as TCP, or less.
        """
        known = [*target.ports.values(), *spared]
        numbers = {1, LAST_PORT, *(number for number, _ in known)}
        protocols = {"TCP", *(protocol for _, protocol in known)}
        for policy in self._policies:
            for rule in (*_list(_spec(policy).get("ingress")), *_list(_spec(policy).get("egress"))):
                for entry in _list(rule.get("ports")) if isinstance(rule, Mapping) else []:
                    if isinstance(entry, Mapping):
                        written = (entry.get("port"), entry.get("endPort"))
                        numbers |= {number for number in written if isinstance(number, int)}
                        protocols.add(str(entry.get("protocol") or "TCP"))
        near = {number + step for number in numbers for step in (-1, 0, 1)}
        return [
            (number, protocol)
            for number in sorted(near)
            if 1 <= number <= LAST_PORT
            for protocol in sorted(protocols)
        ]

    def isolated(self, pod: Peer, direction: Direction) -> bool:
        """Whether any policy selects this Pod for the direction."""
        return bool(self._selecting(pod, direction))

    def _side(
        self, direction: Direction, pod: Peer, other: Peer, target: Peer, port: int, protocol: str
    ) -> Reach:
        """What the policies that select `pod` say of traffic with `other` to a port of `target`."""
        word = direction.lower()
        selecting = self._selecting(pod, direction)
        if not selecting:
            where = "outside of the cluster" if pod.namespace is None else "selected by no policy"
            return Reach(True, f"{word} of {pod}, {where}, is open")
        for policy in selecting:
            for rule in _list(_spec(policy).get(word)):
                if not isinstance(rule, Mapping):
                    continue
                peers = _list(rule.get("from" if direction == "Ingress" else "to"))
                ports = _list(rule.get("ports"))
                if self._peers_match(policy, peers, other) and _ports_match(
                    ports, target, port, protocol
                ):
                    return Reach(True, f"{_name(policy)} allows {word} of {pod}")
        names = ", ".join(_name(policy) for policy in selecting)
        return Reach(False, f"{word} of {pod} is isolated by {names}, and no rule allows it")

    def _selecting(self, pod: Peer, direction: Direction) -> list[Json]:
        return [
            policy
            for policy in self._policies
            if pod.namespace is not None
            and _namespace(policy) == pod.namespace
            and direction in policy_types(policy)
            and matches(_spec(policy).get("podSelector") or {}, pod.labels)
        ]

    def _peers_match(self, policy: Json, peers: list[Any], other: Peer) -> bool:
        return not peers or any(
            isinstance(peer, Mapping) and self._peer_matches(policy, peer, other) for peer in peers
        )

    def _peer_matches(self, policy: Json, peer: Json, other: Peer) -> bool:
        block = peer.get("ipBlock")
        if isinstance(block, Mapping):
            return in_block(block, other)
        namespaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
        if other.namespace is None or (namespaces is None and pods is None):
            return False
        if namespaces is None:
            in_namespace = other.namespace == _namespace(policy)
        else:
            labels = self._namespaces.get(other.namespace, {NAME_LABEL: other.namespace})
            in_namespace = matches(namespaces, labels)
        return in_namespace and (pods is None or matches(pods, other.labels))


def policy_types(policy: Json) -> frozenset[str]:
    """The policy's types, as the API server fills them in."""
    spec = _spec(policy)
    written = _list(spec.get("policyTypes"))
    if written:
        return frozenset(str(entry) for entry in written)
    return frozenset({"Ingress", "Egress"} if _list(spec.get("egress")) else {"Ingress"})


def in_block(block: Json, peer: Peer) -> bool:
    """Whether a peer's address lies in an ipBlock and in none of its exceptions."""
    try:
        network = ipaddress.ip_network(str(block.get("cidr")), strict=False)
        holes = [ipaddress.ip_network(str(e), strict=False) for e in _list(block.get("except"))]
        address = ipaddress.ip_address(peer.ip) if peer.ip else None
    except ValueError:
        return False  # not an address: the API server refuses such a policy
    if address is None:
        return network.prefixlen == 0 and not holes
    return address in network and not any(address in hole for hole in holes)


def _ports_match(ports: list[Any], target: Peer, port: int, protocol: str) -> bool:
    return not ports or any(
        isinstance(entry, Mapping) and _port_matches(entry, target, port, protocol)
        for entry in ports
    )


def _port_matches(entry: Json, target: Peer, port: int, protocol: str) -> bool:
    if (entry.get("protocol") or "TCP") != protocol:
        return False
    wanted, last = entry.get("port"), entry.get("endPort")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return target.ports.get(wanted) == (port, protocol)
    return isinstance(wanted, int) and wanted <= port <= (last if last is not None else wanted)


def _spec(policy: Json) -> Json:
    spec = policy.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _namespace(policy: Json) -> str:
    return str(_metadata(policy).get("namespace") or "")


def _name(policy: Json) -> str:
    return f"NetworkPolicy/{_metadata(policy).get('name')}"


def _metadata(policy: Json) -> Json:
    found = policy.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
