"""What a Pod requests is counted as the scheduler counts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.language.manifests import Manifests
from grader.judge.language.objects import ManifestObject
from grader.load.submission import load_submission

POD = """
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: ml}
spec:
  initContainers: %s
  containers:
    - {name: server, image: a:v1, resources: {requests: {cpu: 500m}, limits: {cpu: 2, memory: 1Gi}}}
    - {name: proxy, image: b:v1, resources: {limits: {cpu: 250m}}}
"""


def server(folder: Path, init: str) -> ManifestObject:
    (folder / "pod.yaml").write_text(POD % init)
    return Manifests(load_submission(folder)).one("Pod", "server")


@pytest.mark.parametrize(
    ("init", "cores"),
    [
        ("[]", 0.75),
        ("[{name: fetch, resources: {requests: {cpu: 100m}}}]", 0.75),
        ("[{name: fetch, resources: {requests: {cpu: 3}}}]", 3.0),
        ("[{name: log, restartPolicy: Always, resources: {limits: {cpu: 100m}}}]", 0.85),
        (
            "[{name: log, restartPolicy: Always, resources: {limits: {cpu: 100m}}},"
            " {name: fetch, resources: {requests: {cpu: 3}}}]",
            3.1,
        ),
        ("[{name: odd, resources: {requests: {cpu: much}}}]", 0.75),
    ],
)
def test_requests_of_a_pod(tmp_path: Path, init: str, cores: float) -> None:
    pod = server(tmp_path, init)
    assert pod.pod_requests("cpu") == pytest.approx(cores)
    assert pod.pod_requests("memory") == 2**30
    assert pod.pod_requests("nvidia.com/gpu") == 0


def test_a_limit_alone_is_the_request(tmp_path: Path) -> None:
    first, second = server(tmp_path, "[]").containers()
    assert first.requested("cpu").value == "500m"
    assert first.requested("memory").value == "1Gi"
    assert second.requested("memory").value is None


WHOLE = """
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: ml}
spec:
  resources: %s
  containers:
    - {name: server, image: a:v1, resources: %s}
    - {name: proxy, image: b:v1}
"""


@pytest.mark.parametrize(
    ("whole", "part", "cores"),
    [
        ("{requests: {cpu: 1}}", "{}", 1.0),
        ("{requests: {cpu: 1}}", "{requests: {cpu: 500m}}", 1.0),
        ("{limits: {cpu: 2}}", "{}", 2.0),
        ("{limits: {cpu: 2}}", "{requests: {cpu: 500m}}", 0.5),
        ("{requests: {memory: 1Gi}}", "{limits: {cpu: 250m}}", 0.25),
        ("{requests: {cpu: much}}", "{}", 0.0),
    ],
)
def test_what_a_pod_requests_as_a_whole(
    tmp_path: Path, whole: str, part: str, cores: float
) -> None:
    (tmp_path / "pod.yaml").write_text(WHOLE % (whole, part))
    pod = Manifests(load_submission(tmp_path)).one("Pod", "server")
    assert pod.pod_requests("cpu") == pytest.approx(cores)
