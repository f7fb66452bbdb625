"""The defaults as a pure function; what they are is compared with a real API server elsewhere."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.defaults import as_created, with_defaults
from grader.model.defaults_pod import pull_policy

KINDS = [
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Service"),
    ("v1", "Namespace"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "LimitRange"),
    ("v1", "Secret"),
    ("x/v1", "Thing"),
]
FIELDS = [
    "spec",
    "template",
    "containers",
    "strategy",
    "rollingUpdate",
    "ports",
    "metadata",
    "labels",
    "type",
    "volumes",
    "secret",
    "livenessProbe",
    "httpGet",
    "behavior",
    "jobTemplate",
    "resources",
    "limits",
    "updateStrategy",
    "completions",
    "env",
    "valueFrom",
    "fieldRef",
    "ingress",
    "securityContext",
    "name",
]
odd = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["", "x", "RollingUpdate"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), odd, max_size=5))
def test_never_fails_never_changes_its_argument_and_is_stable(
    kind: tuple[str, str], fields: dict[str, Any]
) -> None:
    obj = {"apiVersion": kind[0], "kind": kind[1], **fields}
    before = copy.deepcopy(obj)
    once = with_defaults(obj)
    assert obj == before
    assert with_defaults(once) == once
    json.dumps(once)


def test_what_is_written_stays() -> None:
    spec = {"replicas": 0, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 0}
    got = with_defaults({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec})["spec"]
    assert {key: got[key] for key in spec} == spec


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("r:5000/nginx", "Always"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        (None, "IfNotPresent"),
        ("Not An Image", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: Any, policy: str) -> None:
    assert pull_policy(image) == policy


def test_requests_follow_limits_in_a_pod_only() -> None:
    spec = {"containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": {"spec": spec}},
    }
    template = with_defaults(deployment)["spec"]["template"]["spec"]
    assert "requests" not in template["containers"][0]["resources"]
    pod = as_created(template)
    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "1"}
    assert pod["serviceAccountName"] == "default"
