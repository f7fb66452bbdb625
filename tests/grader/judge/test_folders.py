"""Which files of ConfigMaps a container finds in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.language.folders import config_files
from grader.judge.language.manifests import Manifests
from grader.load.submission import load_submission

FILES = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ml}
spec:
  containers: [{name: server, image: "a:v1", volumeMounts: [{name: v, mountPath: /etc/x/%s}]}]
  volumes: [{name: v, %s}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one, namespace: ml}
data: {a.conf: A, b.conf: B}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two, namespace: ml}
data: {c.conf: C}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: other}
data: {d.conf: D}
"""


@pytest.mark.parametrize(
    ("volume", "mount", "expected"),
    [
        ("configMap: {name: one}", "", {"a.conf": "A", "b.conf": "B"}),
        ("configMap: {name: one, items: [{key: b.conf, path: z/y}]}", "", {"z/y": "B"}),
        ("configMap: {name: one, items: [{key: c, path: c}]}", "", {}),
        ("configMap: {name: elsewhere}", "", {}),
        ("emptyDir: {}", "", {}),
        ("configMap: {name: one}", "more", {}),
        ("configMap: {name: one}", ", subPath: a.conf", {}),
        (
            "projected: {sources: [{configMap: {name: two}}, {secret: {name: s}},"
            " {configMap: {name: one, items: [{key: a.conf, path: c}]}}]}",
            "",
            {"c.conf": "C", "c": "A"},
        ),
    ],
)
def test_files_of_a_folder(
    tmp_path: Path, volume: str, mount: str, expected: dict[str, str]
) -> None:
    (tmp_path / "all.yaml").write_text(FILES % (mount, volume))
    files = Manifests(load_submission(tmp_path))
    pod = files.one("Pod", "web")
    found = config_files(files, pod, pod.container("server"), "/etc/x")
    assert {path: field.value for path, field in found.items()} == expected
