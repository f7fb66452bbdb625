"""What a probe and a Service's port lead to."""

from __future__ import annotations

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.containers import Container
from grader.judge.language.manifests import Manifests
from grader.load import from_sources
from grader.model.manifest import SourceFile

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: server
      image: web:v1
      ports: [{name: http, containerPort: 8000}]
      readinessProbe: {httpGet: HTTP_GET}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [PORTS]}
"""


def read(text: str) -> Manifests:
    return Manifests(from_sources("ada", [SourceFile("all.yaml", text)]))


def server(action: str) -> Container:
    return read(POD.replace("HTTP_GET", action)).one("Pod", "web").container("server")


@pytest.mark.parametrize(
    "action",
    [
        "{path: /ready, port: 8000}",
        "{path: /ready, port: http, scheme: HTTP}",
        "{path: ready, port: http}",
        "{path: /ready, port: 8000, host: ''}",
        "{path: /ready, port: 8000, httpHeaders: [{name: Host, value: web}]}",
    ],
)
def test_the_probe_asks_this(action: str) -> None:
    server(action).probe("readiness").gets("/ready", port=8000)


@pytest.mark.parametrize(
    ("action", "observed"),
    [
        ("{path: /, port: 8000}", "GET / on port 8000"),
        ("{port: 8000}", "GET / on port 8000"),
        ("{path: /ready, port: 80}", "GET /ready on port 80"),
        ("{path: /ready, port: http, scheme: HTTPS}", "GET /ready on port http by HTTPS"),
        ("{path: /ready, port: 8000, host: localhost}", "of host localhost, not of the Pod"),
    ],
)
def test_the_probe_asks_something_else(action: str, observed: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        server(action).probe("readiness").gets("/ready", port=8000)
    assert failure.value.observed.endswith(observed)


@pytest.mark.parametrize(
    ("ports", "protocol"),
    [
        ("{port: 80}", "TCP"),
        ("{name: quic, port: 80, protocol: UDP}, {name: http, port: 80}", "TCP"),
        ("{port: 80, protocol: UDP}", "UDP"),
    ],
)
def test_a_number_that_two_protocols_share_means_tcp(ports: str, protocol: str) -> None:
    service = read(SERVICE.replace("PORTS", ports)).one("Service", "web")
    service.port(80).field("protocol").equals(protocol)
