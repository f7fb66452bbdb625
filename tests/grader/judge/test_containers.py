"""What a check may ask of containers, of their probes and of the Service in front of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.containers import Container
from grader.judge.language.manifests import Manifests
from grader.load.submission import load_submission

FILES = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ml, labels: {app: web}}
spec:
  containers:
    - name: server
      image: a:v1
      %s
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ml}
spec:
  selector: {app: web}
  ports: [%s]
"""


def manifests(folder: Path, container: str = "", port: str = "{port: 80}") -> Manifests:
    (folder / "all.yaml").write_text(FILES % (container, port))
    return Manifests(load_submission(folder))


def server(folder: Path, container: str) -> Container:
    return manifests(folder, container).one("Pod", "web").container("server")


@pytest.mark.parametrize(
    "get",
    [
        "{path: /ready, port: 8000}",
        # The kubelet puts the slash there.
        "{path: ready, port: 8000}",
        '{path: /ready, port: http, scheme: HTTP, host: ""}',
        "{path: /ready, port: 8000, httpHeaders: [{name: Host, value: web}]}",
    ],
)
def test_a_probe_that_asks_the_server(tmp_path: Path, get: str) -> None:
    ports = "ports: [{name: http, containerPort: 8000}]"
    container = server(tmp_path, f"{ports}\n      readinessProbe: {{httpGet: {get}}}")
    container.probe("readiness").gets("/ready", port=8000)


@pytest.mark.parametrize(
    ("get", "observed"),
    [
        ("{path: /ready/, port: 8000}", "GET /ready/ on port 8000"),
        ("{path: /ready, port: http}", "GET /ready on port http"),
        ("{port: 8000}", "GET / on port 8000"),
        ("{path: /ready, port: 8000, scheme: HTTPS}", "GET /ready on port 8000 by HTTPS"),
        # That is the node, or anybody, but not this Pod.
        (
            "{path: /ready, port: 8000, host: localhost}",
            "GET /ready on port 8000 of the host localhost, not of the Pod",
        ),
    ],
)
def test_a_probe_that_does_not(tmp_path: Path, get: str, observed: str) -> None:
    container = server(tmp_path, f"readinessProbe: {{httpGet: {get}}}")
    with pytest.raises(CheckFailed) as failed:
        container.probe("readiness").gets("/ready", port=8000)
    assert failed.value.observed == observed


def test_a_probe_by_a_command(tmp_path: Path) -> None:
    container = server(tmp_path, "readinessProbe: {exec: {command: [cat, /ready]}}")
    with pytest.raises(CheckFailed, match="readiness probe to GET /ready on port 8000") as failed:
        container.probe("readiness").gets("/ready", port=8000)
    assert failed.value.observed == "a probe by exec"


@pytest.mark.parametrize(
    ("ports", "protocol"),
    [
        ("{port: 80}", "TCP"),
        ("{name: quic, port: 80, protocol: UDP}, {name: http, port: 80}", "TCP"),
        ("{port: 80, protocol: UDP}", "UDP"),
    ],
)
def test_a_number_that_two_protocols_share_means_tcp(
    tmp_path: Path, ports: str, protocol: str
) -> None:
    service = manifests(tmp_path, port=ports).one("Service", "web")
    service.port(80).field("protocol").equals(protocol)


@pytest.mark.parametrize("port", ["{port: 80, targetPort: 8000}", "{port: 80, targetPort: http}"])
def test_a_service_port_that_reaches_the_server(tmp_path: Path, port: str) -> None:
    ports = "ports: [{name: http, containerPort: 8000}]"
    files = manifests(tmp_path, ports, port)
    files.one("Service", "web").port(80).reaches(files.one("Pod", "web").container("server"), 8000)


@pytest.mark.parametrize(
    ("port", "observed"),
    [
        ("{port: 80, targetPort: 8000, protocol: UDP}", "UDP"),
        ("{port: 80}", "80 (the default: same as port)"),
        # Only a port of the Service's own protocol answers to the name.
        ("{port: 80, targetPort: http}", "http, which is nothing in container server"),
    ],
)
def test_a_service_port_that_does_not(tmp_path: Path, port: str, observed: str) -> None:
    ports = "ports: [{name: http, containerPort: 8000, protocol: UDP}]"
    files = manifests(tmp_path, ports, port)
    container = files.one("Pod", "web").container("server")
    with pytest.raises(CheckFailed) as failed:
        files.one("Service", "web").port(80).reaches(container, 8000)
    assert failed.value.observed == observed


HELPERS = """ports: [{name: http, containerPort: 8000}]
  initContainers:
    - name: sidecar
      image: a:v1
      restartPolicy: Always
      ports: [{name: model, containerPort: 8000}]
    - {name: first, image: a:v1, ports: [{name: early, containerPort: 8000}]}"""


@pytest.mark.parametrize("port", ["http", "model"])
def test_a_port_name_is_looked_for_in_the_whole_pod(tmp_path: Path, port: str) -> None:
    files = manifests(tmp_path, HELPERS, f"{{port: 80, targetPort: {port}}}")
    container = files.one("Pod", "web").container("server")
    # All containers of a Pod share its address.
    files.one("Service", "web").port(80).reaches(container, 8000)


def test_an_init_container_that_ends_offers_no_port(tmp_path: Path) -> None:
    files = manifests(tmp_path, HELPERS, "{port: 80, targetPort: early}")
    container = files.one("Pod", "web").container("server")
    with pytest.raises(CheckFailed) as failed:
        files.one("Service", "web").port(80).reaches(container, 8000)
    assert failed.value.observed == "early, which is nothing in container server"


def test_the_first_container_with_a_port_of_that_name_gets_the_requests(tmp_path: Path) -> None:
    helper = """ports: [{name: http, containerPort: 9000}]
    - {name: model, image: a:v1, ports: [{name: http, containerPort: 8000}]}"""
    files = manifests(tmp_path, helper, "{port: 80, targetPort: http}")
    container = files.one("Pod", "web").container("model")
    with pytest.raises(CheckFailed) as failed:
        files.one("Service", "web").port(80).reaches(container, 8000)
    assert failed.value.observed == "http, which is 9000 in container server"


def test_a_declared_port_is_for_tcp(tmp_path: Path) -> None:
    container = server(
        tmp_path, "ports: [{containerPort: 8000, protocol: UDP}, {containerPort: 9}]"
    )
    container.has_port(9)
    with pytest.raises(CheckFailed) as failed:
        container.has_port(8000)
    assert failed.value.observed == "8000 for UDP, 9"


@pytest.mark.parametrize("line", ["python train.py", "exec python train.py"])
def test_a_shell_that_only_starts_the_program(tmp_path: Path, line: str) -> None:
    server(tmp_path, f"command: [sh, -c, {line}]").runs(["python", "train.py"])


@pytest.mark.parametrize(
    "words", ["args: [python, train.py]", "command: python train.py", "args: python train.py"]
)
def test_words_that_are_no_command(tmp_path: Path, words: str) -> None:
    with pytest.raises(CheckFailed) as failed:
        server(tmp_path, words).runs(["python", "train.py"])
    assert "python train.py" in failed.value.observed


@pytest.mark.parametrize("line", ["python 'train.py", "python train.py; sleep 9", "exec", ""])
def test_a_shell_that_does_not(tmp_path: Path, line: str) -> None:
    container = server(tmp_path, f'command: [sh, -c, "{line}"]')
    with pytest.raises(CheckFailed):
        container.runs(["python", "train.py"])


@pytest.mark.parametrize(
    ("kinds", "namespaces", "more", "expected"),
    [
        (["Pod"], ["ml"], "", "objects of the kinds that this lab allows"),
        (["Pod", "Service"], ["ml-b"], "", "objects in the lab's own namespaces"),
        (["Pod", "Service"], ["ml"], "twice", "each object once"),
    ],
)
def test_what_the_lab_forbids_is_not_laid_to_kubernetes(
    tmp_path: Path, kinds: list[str], namespaces: list[str], more: str, expected: str
) -> None:
    text = FILES % ("stdin: false", "{port: 80}")
    (tmp_path / "all.yaml").write_text(text)
    if more:
        (tmp_path / "more.yaml").write_text(text)
    submission = load_submission(tmp_path, kinds=kinds, namespaces=namespaces)
    with pytest.raises(CheckFailed) as failed:
        Manifests(submission).are_valid()
    assert failed.value.expected == expected


def test_an_object_elsewhere_is_told_with_its_namespace(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as failed:
        manifests(tmp_path).one("Service", "web", "ml-batch")
    assert failed.value.observed == "Service called web in namespace ml"
