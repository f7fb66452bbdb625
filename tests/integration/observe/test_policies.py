"""Admission policies are in force when a step ends, and builds are applied by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grader.judge.language.reach import pod
from grader.judge.language.span import RecordingView
from grader.model.manifest import Build, Submission
from grader.observe import observe
from grader.observe.session import Session
from tests.grader.observe.samples import a_submission
from tests.integration.observe.workload import NAMESPACE, deployment, lab_with

pytestmark = pytest.mark.embedded

SPACE = "policed"
KINDS = (
    "Namespace",
    "Deployment",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def policy(name: str, expression: str) -> list[dict[str, Any]]:
    api = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["deployments"],
    }
    inside = {"matchLabels": {"kubernetes.io/metadata.name": SPACE}}
    return [
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule], "namespaceSelector": inside},
                "validations": [{"expression": expression, "message": f"{name} says no"}],
            },
        },
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def with_build(*platform: dict[str, Any], **build: Any) -> Submission:
    return replace(a_submission(*platform), builds=(Build("prod", "app/prod", **build),))


def a_deployment(replicas: int) -> dict[str, Any]:
    made = deployment(replicas=replicas)
    made["metadata"]["namespace"] = SPACE
    return made


def lab(*more: Any) -> Any:
    return lab_with(
        "apply",
        {"apply": {"build": "prod"}, "as": "prod"},
        *more,
        isolation="cluster",
        namespaces=(SPACE,),
        kinds=KINDS,
        kustomize={"prod": "app/prod"},
    )


@pytest.mark.parametrize(("replicas", "admitted"), [(1, False), (2, True)])
def test_a_policy_is_in_force_when_the_next_step_begins(
    session: Session, replicas: int, admitted: bool
) -> None:
    submission = with_build(
        *policy("two-at-least", "object.spec.replicas > 1"),
        built=a_submission(a_deployment(replicas)),
    )
    recording = observe(lab(), submission, session.cluster, session=session)
    said = [answer for answer in recording.answers if answer.step == "prod"]
    assert [answer.ok for answer in said] == [admitted], said
    if not admitted:
        assert "two-at-least says no" in said[0].message
    kinds = {change.object["kind"]: change.object["metadata"] for change in recording.changes}
    # The grader's own policy, by which it knows, is not in the recording.
    assert kinds["ValidatingAdmissionPolicy"]["name"] == "two-at-least"
    left = session.api.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")
    assert not [p for p in left.body["items"] if p["metadata"]["name"].startswith("mlk8s-")]


def test_a_build_that_failed_gets_an_answer(session: Session) -> None:
    recording = observe(lab(), with_build(error="no matches"), session.cluster, session=session)
    said = [answer for answer in recording.answers if answer.step == "prod"]
    assert [(a.target, a.code, a.message) for a in said] == [("build/prod", 422, "no matches")]


def test_who_may_reach_whom_is_asked_of_what_is_on_the_cluster(session: Session) -> None:
    closed = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed", "namespace": "ml-serving"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    submission = a_submission(NAMESPACE, deployment(replicas=1), closed)
    recording = observe(lab_with("apply"), submission, session.cluster, session=session)
    network = RecordingView(recording).during("apply").network()
    web = network.workload("Deployment/web", "ml-serving")
    assert web.ip
    network.blocks(pod("other", "ml-serving"), web, 8000)
    network.reaches(web, pod("other", "default"), 80)
