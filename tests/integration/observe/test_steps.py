"""Steps of a scenario against a real control plane, with what controllers make of them."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus, ServerModel
from grader.model.manifest import Manifest, Place, Submission
from grader.model.recording import Recording
from grader.observe import observe
from grader.observe.counts import is_ready
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission
from tests.integration.observe.workload import (
    IMAGE,
    NAMESPACE,
    SERVICE,
    SPACE,
    deployment,
    lab_with,
    names,
    notes,
    runs_left,
    web,
)

pytestmark = pytest.mark.embedded

Json = dict[str, Any]
WEB = "Deployment/web"


def a_budget(**spec: Any) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def answers(recording: Recording, step: str) -> list[tuple[str, str, int]]:
    return [(a.verb, a.target, a.code) for a in recording.answers if a.step == step]


def last(recording: Recording, kind: str, name: str) -> Json:
    found = [
        change.object
        for change in recording.changes
        if change.object["kind"] == kind and change.object["metadata"]["name"] == name
    ]
    return found[-1]


def test_scale_and_wait_for(session: Session) -> None:
    scenario = (
        "apply",
        {"scale": {"object": WEB, "replicas": 4, "settle": False}},
        {"wait-for": {"object": WEB, "path": "status.readyReplicas", "at_least": 3}},
        {"scale": {"object": WEB, "replicas": 1}, "as": "down"},
        {"scale": {"object": "Deployment/none", "replicas": 1}, "as": "missing"},
    )
    recording = observe(lab_with(*scenario), web(), session.cluster, session=session)
    assert recording.complete, recording.fault
    assert notes(recording)[1:] == [
        ("scale", "not waited"),
        ("scale", "reached"),
        ("down", "settled"),
        ("missing", "settled"),
    ]
    assert answers(recording, "scale") == [("scale", WEB, 200)]
    assert answers(recording, "missing") == [("scale", "Deployment/none", 404)]
    assert last(recording, "Deployment", "web")["status"]["readyReplicas"] == 1
    assert recording.answers[-1].namespace == SPACE


def test_waiting_for_what_never_comes_ends_too_long(session: Session) -> None:
    scenario = ("apply", {"wait-for": {"object": WEB, "condition": "Frozen", "within": 1}})
    recording = observe(lab_with(*scenario), web(), session.cluster, session=session)
    assert recording.marks[-1].note == "too long"
    assert recording.marks[-1].detail["waiting"] == [f"{WEB}: condition Frozen to be True"]


def test_undo_goes_back_as_kubectl_does(session: Session) -> None:
    roll = {"object": WEB, "container": "server"}
    scenario = (
        "apply",
        {"undo": {"object": WEB}, "as": "nothing"},
        {"roll": {**roll, "image": f"{IMAGE}:v2"}},
        {"undo": {"object": WEB}},
        {"undo": {"object": WEB, "to_revision": 2}, "as": "forth"},
        {"undo": {"object": WEB, "to_revision": 9}, "as": "unknown"},
    )
    recording = observe(lab_with(*scenario), web(), session.cluster, session=session)
    ends = {mark.step: mark.version for mark in recording.marks if mark.phase == "end"}
    images = {}
    for step, version in ends.items():
        for change in recording.changes:
            if change.object["kind"] == "Deployment" and change.version <= version:
                template = change.object["spec"]["template"]
                images[step] = template["spec"]["containers"][0]["image"].rpartition(":")[2]
    assert images == {
        "apply": "v1",
        "nothing": "v1",
        "roll": "v2",
        "undo": "v1",
        "forth": "v2",
        "unknown": "v2",
    }
    assert recording.answers[-1].message == "unable to find specified revision 9 in history"
    said = next(answer for answer in recording.answers if answer.step == "nothing")
    assert (said.code, said.message) == (404, 'no rollout history found for deployment "web"')
    assert len(names(recording, "ReplicaSet")) == 2


def test_evictions_heed_the_budget(session: Session) -> None:
    # Replacements take their time, so that a budget is spent when the next eviction is asked for.
    slow = {"httpGet": {"path": "/ready", "port": 8000}, "initialDelaySeconds": 30}
    scenario = ("apply", {"drain": {"of": WEB, "count": 2}})
    workload = deployment(replicas=3, readinessProbe=slow)
    submission = a_submission(NAMESPACE, workload, SERVICE, a_budget(minAvailable=2))
    recording = observe(lab_with(*scenario), submission, session.cluster, session=session)
    assert notes(recording)[-1] == ("drain", "settled")
    evictions = [answer for answer in recording.answers if answer.verb == "evict"]
    allowed = [answer for answer in evictions if answer.code == 201]
    refused = [answer for answer in evictions if answer.code == 429]
    assert len(allowed) == 2
    assert len(allowed) + len(refused) == len(evictions)
    for answer in refused:
        assert "violate the pod's disruption budget" in answer.message
        assert answer.namespace == SPACE
    ready = ready_after_each_change(recording)
    drained = ready[ready.index(3) :]
    assert min(drained) == 2
    # Where the machine stood still between the two, a third Pod was ready again, and none refused.
    assert refused or [count for count, _ in groupby(drained)] == [3, 2, 3, 2, 3]


def ready_after_each_change(recording: Recording) -> list[int]:
    """How many Pods that are not on their way out were ready, one change after another."""
    ready: set[str] = set()
    counts = []
    for change in recording.changes:
        pod = change.object
        if pod["kind"] == "Pod":
            serves = change.verb != "deleted" and is_ready(pod)
            (ready.add if serves else ready.discard)(pod["metadata"]["uid"])
            counts.append(len(ready))
    return counts


def test_a_budget_that_allows_nothing_ends_the_drain_quietly(session: Session) -> None:
    scenario = ("apply", {"drain": {"of": WEB}})
    submission = a_submission(NAMESPACE, deployment(), SERVICE, a_budget(maxUnavailable=0))
    recording = observe(lab_with(*scenario), submission, session.cluster, session=session)
    end = recording.marks[-1]
    assert end.note == "quiet"
    assert "disruption budget" in end.detail["waiting"][0]
    assert [code for _, _, code in answers(recording, "drain")] == [429]
    assert len(names(recording, "Pod")) == 2


def test_two_budgets_for_a_pod_are_told(session: Session) -> None:
    second = a_budget(minAvailable=1)
    second["metadata"]["name"] = "other"
    submission = a_submission(NAMESPACE, deployment(), a_budget(minAvailable=1), second)
    lab = lab_with("apply", {"drain": {"of": WEB}})
    recording = observe(lab, submission, session.cluster, session=session)
    assert recording.marks[-1].note == "quiet"
    assert [code for _, _, code in answers(recording, "drain")] == [500]


def test_a_whole_node_is_drained(session: Session) -> None:
    nodes = ["cpu-worker-1"]
    lab = lab_with("apply", {"drain": {"nodes": nodes}}, isolation="cluster")
    submission = a_submission(NAMESPACE, deployment(replicas=6), a_budget(minAvailable="50%"))
    recording = observe(lab, submission, session.cluster, session=session)
    assert recording.marks[-1].note == "settled", recording.marks[-1]
    pods = {c.object["metadata"]["name"]: c for c in recording.changes if c.object["kind"] == "Pod"}
    left = [c.object for c in pods.values() if c.verb != "deleted"]
    assert len(left) == 6
    assert {pod["spec"]["nodeName"] for pod in left} == {"cpu-worker-2"}
    assert answers(recording, "drain")[0] == ("patch", "Node/cpu-worker-1", 200)
    assert not session.api.get("/api/v1/nodes/cpu-worker-1").body["spec"].get("unschedulable")


def test_a_killed_process_is_restarted_in_its_pod(session: Session) -> None:
    scenario = (
        "apply",
        {"kill": {"of": WEB}},
        {"kill": {"of": WEB, "count": 2, "exit_code": 3}, "as": "again"},
        {"kill": {"of": WEB, "container": "none"}, "as": "nothing"},
    )
    recording = observe(lab_with(*scenario), web(), session.cluster, session=session)
    assert [note for _, note in notes(recording)] == ["settled"] * 4
    assert [(verb, code) for verb, _, code in answers(recording, "kill")] == [("kill", 200)]
    assert answers(recording, "nothing") == [("kill", WEB, 404)]
    pods = {
        c.object["metadata"]["name"]: c.object
        for c in recording.changes
        if c.object["kind"] == "Pod"
    }
    assert len(pods) == 2
    told = [pod["status"]["containerStatuses"][0] for pod in pods.values()]
    assert sorted(entry["restartCount"] for entry in told) == [1, 2]
    assert {entry["lastState"]["terminated"]["exitCode"] for entry in told} == {3}
    codes = {
        entry["lastState"]["terminated"]["exitCode"]
        for change in recording.changes
        if change.object["kind"] == "Pod"
        for entry in (change.object.get("status") or {}).get("containerStatuses") or []
        if entry.get("lastState")
    }
    assert codes == {137, 3}


def test_one_index_of_a_job_is_killed_and_tried_again(session: Session) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "backfill", "namespace": SPACE},
        "spec": {
            "completions": 3,
            "parallelism": 3,
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 1,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "worker", "image": f"{IMAGE}:v1"}],
                }
            },
        },
    }
    scenario = (
        "apply",
        {"kill": {"of": "Job/backfill", "index": 1}},
        {"finish": {"of": "Job/backfill"}},
    )
    recording = observe(lab_with(*scenario), a_submission(job), session.cluster, session=session)
    assert notes(recording) == [("apply", "settled"), ("kill", "settled"), ("finish", "settled")]
    status = last(recording, "Job", "backfill")["status"]
    assert (status["succeeded"], status["failed"]) == (3, 1)
    failed = [
        c.object
        for c in recording.changes
        if c.object["kind"] == "Pod" and (c.object.get("status") or {}).get("phase") == "Failed"
    ]
    index = "batch.kubernetes.io/job-completion-index"
    assert {pod["metadata"]["annotations"][index] for pod in failed} == {"1"}


def test_files_of_the_lab_are_admitted_or_refused(session: Session, tmp_path: Path) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "two-pods", "namespace": SPACE},
        "spec": {"hard": {"pods": "2"}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one-more", "namespace": SPACE},
        "spec": {"containers": [{"name": "main", "image": f"{IMAGE}:v1"}]},
    }
    (tmp_path / "quota.yaml").write_text(yaml.safe_dump(quota))
    (tmp_path / "pod.yaml").write_text("# one line\n" + yaml.safe_dump(pod))
    scenario = [
        {"send": {"files": ["pod.yaml"], "dry_run": True}, "as": "ask"},
        {"send": {"files": ["quota.yaml"], "actor": "grader"}, "as": "given"},
        "apply",
        {"send": {"files": ["pod.yaml"]}},
        {"send": {"files": ["quota.yaml"]}, "as": "forbidden"},
    ]
    lab = a_lab(scenario, root=tmp_path)
    recording = observe(lab, web(), session.cluster, session=session)
    assert recording.complete, recording.fault
    found = {a.step: a for a in recording.answers if a.verb == "create"}
    assert found["ask"].ok
    asked = json.loads(found["ask"].body)
    assert (asked["kind"], asked["metadata"]["namespace"]) == ("Pod", SPACE)
    assert (found["given"].actor, found["given"].code) == ("grader", 201)
    assert (found["send"].code, found["send"].place) == (403, "pod.yaml:2")
    assert "exceeded quota: two-pods" in found["send"].message
    assert found["send"].actor == "learner"
    assert found["forbidden"].reason == "KindNotAllowed"
    assert "two-pods" in names(recording, "ResourceQuota")
    assert "one-more" not in names(recording, "Pod")


ROLE_KINDS = ("Namespace", "ServiceAccount", "Role", "RoleBinding", "Deployment", "Service")


def grant() -> list[Json]:
    rbac, role = "rbac.authorization.k8s.io", {"name": "deployer", "namespace": SPACE}
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
    reference = {"apiGroup": rbac, "kind": "Role", "name": "deployer"}
    subject = {"kind": "ServiceAccount", "name": "deployer", "namespace": SPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": role},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": role, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": role,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


def test_the_authorizer_is_asked(session: Session) -> None:
    asks = [
        {"verb": "patch", "resource": "deployments.apps"},
        {"verb": "patch", "resource": "deployments.apps", "subresource": "scale"},
        {"verb": "delete", "resource": "deployments.apps"},
        {"verb": "get", "resource": "deployments.apps", "namespace": ""},
        {"verb": "get", "resource": "secrets", "name": "key"},
    ]
    scenario = (
        {"apply": {"settle": False}},
        {"may": {"who": "ServiceAccount/deployer", "asks": asks}},
        {"may": {"who": "ServiceAccount/other", "asks": asks[:1]}, "as": "other"},
    )
    lab = lab_with(*scenario, kinds=ROLE_KINDS)
    recording = observe(lab, a_submission(*grant()), session.cluster, session=session)
    assert all(answer.ok for answer in recording.answers[:3]), recording.answers
    assert answers(recording, "may") == [
        ("may", "patch deployments.apps", 200),
        ("may", "patch deployments.apps/scale", 403),
        ("may", "delete deployments.apps", 403),
        ("may", "get deployments.apps", 403),
        ("may", "get secrets key", 403),
    ]
    assert answers(recording, "other") == [("may", "patch deployments.apps", 403)]
    first = next(answer for answer in recording.answers if answer.verb == "may")
    assert (first.actor, first.namespace) == ("ServiceAccount/deployer", SPACE)
    assert first.message == (
        f'RBAC: allowed by RoleBinding "deployer/{SPACE}" of Role "deployer" '
        f'to ServiceAccount "deployer/{SPACE}"'
    )
    assert names(recording, "Role") == {"deployer"}
    assert names(recording, "RoleBinding") == {"deployer"}


def test_a_long_proof_of_readiness_costs_seconds_and_is_recorded_as_written(
    session: Session,
) -> None:
    slow = deployment()
    slow["spec"]["minReadySeconds"] = 60
    lab = lab_with("apply")
    recording = observe(lab, a_submission(slow), session.cluster, session=session, keep=True)
    kept = f"/apis/apps/v1/namespaces/{runs_left(session.api)[0]}/deployments/web"
    assert session.api.get(kept).body["spec"]["minReadySeconds"] == 3
    session.api.call("DELETE", f"/api/v1/namespaces/{kept.split('/')[5]}")
    assert notes(recording) == [("apply", "settled")]
    for kind in ("Deployment", "ReplicaSet"):
        shown = [c.object for c in recording.changes if c.object["kind"] == kind]
        assert {obj["spec"]["minReadySeconds"] for obj in shown} == {60}
        assert not any("mlk8s.dev" in str(obj["metadata"]) for obj in shown)


def test_a_duration_that_the_api_server_refuses_is_refused(session: Session) -> None:
    wrong = deployment()
    wrong["spec"] |= {"minReadySeconds": 700, "progressDeadlineSeconds": 600}
    lab = lab_with("apply")
    recording = observe(lab, a_submission(wrong), session.cluster, session=session)
    assert recording.answers[0].code == 422
    assert "must be greater than minReadySeconds" in recording.answers[0].message


RELEASES = "registry.example.com/released"
"""Images of one repository that behave differently by tag."""
GOOD = ServerModel(image=RELEASES, tags=("v1", "v2"), port=8000, load=2, ready=("/ready",))
BAD = (
    ServerModel(image=RELEASES, tags=("v3",), port=8000, load=2),  # never ready: no such path
    ServerModel(image=RELEASES, tags=("v4",), port=8000, crash_after=1, last_words=("no model",)),
)


@pytest.mark.parametrize("tag", ["v3", "v4"])
def test_a_bad_release_is_another_model_of_the_same_image(
    observed_cluster: ClusterStatus, session: Session, tag: str
) -> None:
    EmbeddedProvider().teach(observed_cluster.name, (GOOD, *BAD))
    roll = {"object": WEB, "container": "server", "image": f"{RELEASES}:{tag}"}
    lab = a_lab(["apply", {"roll": roll}, {"undo": {"object": WEB}}], servers=(*BAD, GOOD))
    submission = a_submission(NAMESPACE, deployment(image=f"{RELEASES}:v1"), SERVICE)
    recording = observe(lab, submission, session.cluster, session=session)
    assert notes(recording) == [("apply", "settled"), ("roll", "quiet"), ("undo", "settled")]
    assert last(recording, "Deployment", "web")["status"]["readyReplicas"] == 2
    images = {
        change.object["status"]["containerStatuses"][0]["image"]: change.object
        for change in recording.changes
        if change.object["kind"] == "Pod"
        and change.object.get("status", {}).get("containerStatuses")
    }
    ready = {image.rpartition(":")[2]: is_ready(pod) for image, pod in images.items()}
    assert ready["v1"]
    assert not ready[tag]


def test_only_some_files_are_applied_at_a_time(session: Session) -> None:
    files = {"base/web.yaml": deployment(), "v2/service.yaml": SERVICE, "v2/more/n.yaml": NAMESPACE}
    manifests = tuple(Manifest(value, {}, Place(path, 1)) for path, value in files.items())
    submission = Submission("alice", "0" * 64, manifests)
    scenario = (
        {"apply": {"files": ["base/*.yaml"]}},
        {"apply": {"files": ["v2/*.yaml", "v3/*.yaml"]}, "as": "second"},
    )
    recording = observe(lab_with(*scenario), submission, session.cluster, session=session)
    assert answers(recording, "apply") == [("apply", WEB, 201)]
    assert answers(recording, "second") == [("apply", "Service/web", 201)]
    assert [note for _, note in notes(recording)] == ["settled", "settled"]
