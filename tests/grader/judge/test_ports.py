"""Ports of Services, probes of containers, and what is nearest to an object that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.manifests import Manifests
from grader.load.submission import load_submission

FILES = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ml}
spec:
  selector: {app: web}
  ports:
    - {name: quic, port: 80, targetPort: 8443, protocol: UDP}
    - {name: http, port: 80, targetPort: 8000}
    - {name: dns, port: 53, protocol: UDP}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ml}
spec:
  containers:
    - name: server
      image: a:v1
      readinessProbe: {httpGet: {path: /ready, port: 8000, host: %s}}
"""


def files(folder: Path, host: str = "''") -> Manifests:
    (folder / "all.yaml").write_text(FILES % host)
    return Manifests(load_submission(folder))


def test_a_port_of_two_protocols_is_the_one_by_tcp(tmp_path: Path) -> None:
    service = files(tmp_path).one("Service", "web")
    assert service.port(80).field("targetPort").value == 8000
    assert service.port(53).field("protocol").value == "UDP"


def test_a_probe_asks_its_own_pod(tmp_path: Path) -> None:
    files(tmp_path).one("Pod", "web").container("server").probe("readiness").gets("/ready", 8000)
    probe = files(tmp_path, "other.example.com").one("Pod", "web").container("server")
    with pytest.raises(CheckFailed) as failure:
        probe.probe("readiness").gets("/ready", 8000)
    assert "other.example.com" in failure.value.observed


def test_an_object_elsewhere_is_told_with_its_namespace(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as failure:
        files(tmp_path).one("Service", "web", "ml-batch")
    assert failure.value.observed == "Service called web in namespace ml"
