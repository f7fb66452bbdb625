from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.manifests import Manifests
from grader.load.submission import load_submission

TEXT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: stable, namespace: ml}
spec:
  selector: {matchLabels: {app: web, track: stable}}
  template:
    metadata: {labels: {app: web, track: stable}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary, namespace: ml}
spec:
  selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}
  template:
    metadata: {labels: {app: web, track: canary}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ml}
spec: {selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
spec: {selector: {app: web}}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> Manifests:
    (tmp_path / "all.yaml").write_text(TEXT)
    return Manifests(load_submission(tmp_path))


def test_a_selector_passes_over_what_it_does_not_match(manifests: Manifests) -> None:
    stable, canary = manifests.one("Deployment", "stable"), manifests.one("Deployment", "canary")
    assert stable.passes_over(canary) is stable
    with pytest.raises(CheckFailed, match="not to match the Pods of Deployment/stable"):
        canary.passes_over(stable)


def test_a_service_passes_over_other_namespaces_only(manifests: Manifests) -> None:
    stable = manifests.one("Deployment", "stable")
    manifests.one("Service", "web", "other").passes_over(stable)
    with pytest.raises(CheckFailed):
        manifests.one("Service", "web", "ml").passes_over(stable)


def test_selects_and_passes_over_are_opposites_within_a_namespace(manifests: Manifests) -> None:
    service = manifests.one("Service", "web", "ml")
    for name in ("stable", "canary"):
        service.selects(manifests.one("Deployment", name))
