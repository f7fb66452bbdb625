"""Changes are told field by field, by meaning, with containers by their names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from grader.judge.failure import CheckFailed
from grader.judge.language.changes import Changes, changes_of
from grader.judge.language.manifests import Manifests
from grader.load.submission import from_sources
from grader.model.manifest import SourceFile

TEXT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ml}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{key: a, operator: Exists}]
      containers:
        - name: server
          image: example.com/web:v1
          resources: {limits: {memory: 1Gi, nvidia.com/gpu: 1}}
          readinessProbe: {httpGet: {path: /ready, port: 8000}}
        - {name: proxy, image: "example.com/proxy:v1"}
"""
SERVER = "Deployment/web spec.template.spec.containers[server]"


def objects(text: str) -> Any:
    return Manifests(from_sources("x", [SourceFile("web.yaml", text)]))._objects


def changed(*replacements: tuple[str, str], text: str = TEXT) -> Changes:
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return changes_of(objects(TEXT), objects(text), "ml")


def test_the_same_meaning_is_no_change() -> None:
    found = changed(("memory: 1Gi", "memory: 1024Mi"), ("gpu: 1", 'gpu: "1"'))
    assert found.found == []
    with pytest.raises(CheckFailed):
        found.some()


def test_order_and_defaults_are_no_change() -> None:
    value = yaml.safe_load(TEXT)
    spec = value["spec"]["template"]["spec"]
    spec["containers"].reverse()
    spec["restartPolicy"] = "Always"
    value["spec"]["replicas"] = 1
    assert changes_of(objects(TEXT), objects(yaml.safe_dump(value)), "ml").found == []


def test_a_change_says_where_it_is() -> None:
    (change,) = changed(("path: /ready", "path: /live")).found
    assert str(change) == (f"{SERVER}.readinessProbe.httpGet.path: /ready became /live")
    assert change.where == "web.yaml:15"


def test_only_what_may_change() -> None:
    found = changed(("memory: 1Gi", "memory: 2Gi"))
    found.some().only(f"{SERVER}.resources.limits.memory")
    found.only(f"{SERVER}.resources")
    with pytest.raises(CheckFailed, match=r"1Gi became 2Gi"):
        found.only(f"{SERVER}.readinessProbe", "Deployment/web spec.replicas")
    with pytest.raises(CheckFailed):
        found.only(f"{SERVER}.resources.limits.mem")


def test_what_is_taken_away_or_added() -> None:
    probe = "          readinessProbe: {httpGet: {path: /ready, port: 8000}}\n"
    assert changed((probe, "")).found[0].after is None
    gpu = changed((", nvidia.com/gpu: 1", "")).found
    assert [change.field for change in gpu] == [
        'spec.template.spec.containers[server].resources.limits["nvidia.com/gpu"]',
        'spec.template.spec.containers[server].resources.requests["nvidia.com/gpu"]',
    ] or [change.field for change in gpu] == [
        'spec.template.spec.containers[server].resources.limits["nvidia.com/gpu"]'
    ]
    assert changes_of(objects(TEXT), [], "ml").found[0].before == "an object"
    extra = TEXT + "---\n" + TEXT.replace("name: web,", "name: two,")
    assert changed(text=extra).found[0].object == "Deployment/two"


def test_an_object_that_lost_its_namespace_is_no_other_object() -> None:
    stray = objects(TEXT.replace("name: web, namespace: ml", "name: web"))
    (change,) = changes_of(objects(TEXT), [], "ml", stray).found
    assert str(change) == "Deployment/web metadata.namespace: ml became nothing"
    assert change.where.startswith("web.yaml:")


def test_lists_without_names_are_compared_whole() -> None:
    (change,) = changed(("key: a", "key: b")).found
    assert change.field == "spec.template.spec.tolerations"
