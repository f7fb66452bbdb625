"""What a probe asks, compared by meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.containers import Probe
from grader.judge.language.manifests import Manifests
from grader.load.submission import load_submission

POD = """
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: ml}
spec:
  containers:
    - name: server
      image: a:v1
      ports: [{name: http, containerPort: 8000}]
      readinessProbe: %s
"""


def readiness(folder: Path, probe: str) -> Probe:
    (folder / "pod.yaml").write_text(POD % probe)
    pod = Manifests(load_submission(folder)).one("Pod", "server")
    return pod.container("server").probe("readiness")


@pytest.mark.parametrize(
    "action",
    [
        "{path: /ready, port: 8000}",
        "{path: /ready, port: http, scheme: HTTP}",
        '{path: /ready, port: http, host: ""}',
    ],
)
def test_the_same_question(tmp_path: Path, action: str) -> None:
    readiness(tmp_path, f"{{httpGet: {action}}}").gets("/ready", port=8000)


@pytest.mark.parametrize(
    ("probe", "seen"),
    [
        ("{httpGet: {port: 8000}}", "GET / on port 8000"),
        ("{httpGet: {path: /ready, port: metrics}}", "on port metrics"),
        ("{httpGet: {path: /ready, port: 8000, scheme: HTTPS}}", "by HTTPS"),
        ("{httpGet: {path: /ready, port: 8000, host: localhost}}", "of localhost instead"),
        ("{exec: {command: [cat, /ready]}}", "a probe by exec"),
    ],
)
def test_another_question(tmp_path: Path, probe: str, seen: str) -> None:
    with pytest.raises(CheckFailed, match="readiness probe to GET /ready on port 8000") as failed:
        readiness(tmp_path, probe).gets("/ready", port=8000)
    assert seen in failed.value.observed
