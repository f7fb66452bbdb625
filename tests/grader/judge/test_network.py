"""NetworkPolicies: a table of what they let through, and the words that ask about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.judge.failure import CheckFailed
from grader.judge.language.manifests import Manifests
from grader.judge.language.network import Network, Peer, policy_types
from grader.judge.language.reach import address, pod
from grader.load.submission import from_sources
from grader.model.manifest import SourceFile

NAMESPACES = {
    "serving": {"team": "a"},
    "training": {"team": "b"},
    "gateway": {"role": "edge"},
    "kube-system": {},
}
SERVER = Peer(
    "server",
    "serving",
    {"app": "server", "tier": "online"},
    "10.0.1.5",
    {"http": (8000, "TCP"), "dns": (5353, "UDP")},
)
OTHER = Peer("other", "serving", {"app": "other"}, "10.0.1.6")
TRAINER = Peer("trainer", "training", {"app": "trainer"}, "10.0.2.7")
GATE = Peer("gate", "gateway", {"app": "gateway"}, "10.0.3.8")
DNS = Peer("dns", "kube-system", {"k8s-app": "kube-dns"}, "10.0.4.9", {"dns": (53, "UDP")})
NEW = Peer("new", "training", {"app": "trainer"})
WORLD = address("203.0.113.9")
PARTNER = address("198.51.100.20")
PEERS = {
    "server": SERVER,
    "other": OTHER,
    "trainer": TRAINER,
    "gate": GATE,
    "dns": DNS,
    "new": NEW,
    "world": WORLD,
    "partner": PARTNER,
}
DENY_IN: dict[str, Any] = {"podSelector": {}}

CASES = yaml.safe_load(Path(__file__).with_name("network_cases.yaml").read_text())


def network(*specs: Any) -> Network:
    policies = [
        {"metadata": {"name": f"p{n}", "namespace": "serving"}, "spec": spec}
        for n, spec in enumerate(specs)
    ]
    return Network(policies, NAMESPACES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_policies_let_through(case: dict[str, Any]) -> None:
    ends, _, where = case["ask"].partition(":")
    source, _, target = ends.partition(">")
    port, _, protocol = where.partition("/")
    net, protocol = network(*case["policies"]), protocol or "TCP"
    found = net.allows(PEERS[source], PEERS[target], int(port), protocol)
    assert found.allowed is case["allowed"], found.reason


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 60
    assert len({case["case"] for case in CASES}) == len(CASES)


def test_the_reason_names_the_policy() -> None:
    found = network(DENY_IN).allows(GATE, SERVER, 8000)
    assert found.reason == (
        "ingress of serving/server is isolated by NetworkPolicy/p0, and no rule allows it"
    )


@pytest.mark.parametrize("spec", [None, [], {"ingress": [None]}, {"ingress": [{"from": [3]}]}])
def test_broken_policies_let_nothing_fall_over(spec: Any) -> None:
    broken = {"metadata": {"name": "p", "namespace": "serving"}, "spec": spec}
    assert not Network([broken], NAMESPACES).allows(GATE, SERVER, 8000)


def test_types_are_filled_in_as_the_api_server_does() -> None:
    assert policy_types({"spec": {}}) == {"Ingress"}
    assert policy_types({"spec": {"egress": [{}]}}) == {"Ingress", "Egress"}
    assert policy_types({"spec": {"egress": [{}], "policyTypes": ["Egress"]}}) == {"Egress"}


FILES = """
apiVersion: v1
kind: Namespace
metadata: {name: serving}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: serving}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
        - {name: server, image: server:v1, ports: [{name: http, containerPort: 8000}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-gateway, namespace: serving}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {role: edge}}}]
      ports: [{port: http}]
"""


def manifests() -> Manifests:
    return Manifests(from_sources("ada", [SourceFile("all.yaml", FILES)]))


def test_files_are_asked_about_their_own_network() -> None:
    net = manifests().network({"gateway": {"role": "edge"}})
    server = net.workload("Deployment/server", "serving")
    gate, stranger = pod("gateway", "gateway"), pod("stranger", "default")
    net.reaches(gate, server, 8000).blocks(gate, server, 9000).blocks(stranger, server, 8000)
    net.reaches(server, address("203.0.113.9"), 443)
    with pytest.raises(CheckFailed) as failure:
        net.reaches(stranger, server, 8000)
    assert failure.value.where == "all.yaml:17"
    with pytest.raises(CheckFailed):
        net.blocks(gate, server, 8000)


def test_a_workload_that_is_not_there_fails_the_check() -> None:
    with pytest.raises(CheckFailed):
        manifests().network().workload("Deployment/other")


OPEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: some, namespace: serving}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [PORTS]
"""


@pytest.mark.parametrize(
    ("ports", "spared", "open_at"),
    [
        ("{port: 8000}", [(8000, "TCP")], None),
        ("{port: 8000, endPort: 8000}", [(8000, "TCP")], None),
        ("{port: 8000, protocol: UDP}", [(8000, "TCP")], "UDP 8000"),
        ("{port: 8000, endPort: 8080}", [(8000, "TCP")], "TCP 8001"),
        ("{port: 7000, endPort: 8000}", [(8000, "TCP")], "TCP 7000"),
        ("{port: 8000, endPort: 8002}", [(8000, "TCP"), (8002, "TCP")], "TCP 8001"),
        ("{port: metrics}", [(8000, "TCP")], "TCP 9102"),
        ("{protocol: SCTP}", [(8000, "TCP")], "SCTP 1"),
        ("{port: 8000}", [], "TCP 8000"),
        ("{port: 53}, {port: 53, protocol: UDP}", [(53, "TCP"), (53, "UDP")], None),
    ],
)
def test_every_port_but_those_named(
    ports: str, spared: list[tuple[int, str]], open_at: str | None
) -> None:
    text = OPEN.replace("PORTS", ports)
    net = Manifests(from_sources("ada", [SourceFile("all.yaml", text)])).network()
    source = pod("anybody", "default")
    target = pod("server", "serving", ports={"http": (8000, "TCP"), "metrics": (9102, "TCP")})
    if open_at is None:
        net.isolates(source, target, but=spared)
    else:
        with pytest.raises(CheckFailed) as failure:
            net.isolates(source, target, but=spared)
        assert failure.value.expected.endswith(f"at {open_at}")
