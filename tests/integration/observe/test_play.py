from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.model import ClusterStatus, ServerModel
from grader.model.lab import Lab
from grader.model.recording_file import read_recording, write_recording
from grader.observe import observe
from grader.observe.counts import is_ready
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission
from tests.integration.observe.workload import (
    IMAGE,
    NAMESPACE,
    SERVICE,
    SPACE,
    as_text,
    deployment,
    lab_with,
    names,
    notes,
    runs_left,
    web,
)

pytestmark = pytest.mark.embedded

ROLL = {"roll": {"object": "Deployment/web", "container": "server", "image": f"{IMAGE}:v2"}}
WHOLE = (
    "apply",
    {"delete-pod": {"of": "Deployment/web"}, "as": "replace"},
    ROLL,
    {"delete": {"namespaces": True}, "as": "cleanup"},
    "wait-gone",
)


def test_a_whole_scenario(observed_cluster: ClusterStatus, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    recording = observe(
        lab_with(*WHOLE), web(), observed_cluster, on_step=lambda *what: told.append(what)
    )
    assert recording.complete, recording.fault
    assert notes(recording) == [
        ("apply", "settled"),
        ("replace", "settled"),
        ("roll", "settled"),
        ("cleanup", "gone"),
        ("cleanup", "gone"),
    ]
    assert told[:2] == [("apply", "begin"), ("apply", "settled")]
    assert all(answer.ok for answer in recording.answers), recording.answers
    assert [answer.place for answer in recording.answers[:3]] == [
        "all.yaml:1",
        "all.yaml:11",
        "all.yaml:21",
    ]
    versions = [change.version for change in recording.changes]
    assert versions == sorted(versions)
    assert recording.gaps == []
    path = tmp_path / "a.recording"
    write_recording(recording, path)
    assert read_recording(path) == recording


def test_marks_have_their_place_among_the_changes(session: Session) -> None:
    recording = observe(lab_with(*WHOLE[:3]), web(), session.cluster, session=session)
    begins = {mark.step: mark for mark in recording.marks if mark.phase == "begin"}
    ends = {mark.step: mark for mark in recording.marks if mark.phase == "end"}
    first = next(c for c in recording.changes if c.object["kind"] == "Deployment")
    assert begins["apply"].version < first.version <= ends["apply"].version
    images = {
        change.version: change.object["spec"]["template"]["spec"]["containers"][0]["image"]
        for change in recording.changes
        if change.object["kind"] == "Deployment"
    }
    before = {image for version, image in images.items() if version <= begins["roll"].version}
    assert before == {f"{IMAGE}:v1"}
    state: dict[str, bool] = {}
    for change in recording.changes:
        if change.object["kind"] == "Pod" and change.version <= ends["apply"].version:
            state[change.object["metadata"]["name"]] = is_ready(change.object)
    assert list(state.values()) == [True, True]


def test_a_recording_shows_the_labs_names_and_none_of_our_own_things(session: Session) -> None:
    recording = observe(lab_with("apply"), web(), session.cluster, session=session)
    text = as_text(recording)
    assert not re.search(rf"{SPACE}-[a-z2-9]{{6}}\b", text)
    assert "managedFields" not in text
    assert "mlk8s.dev/run" not in text
    assert "mlk8s.dev/owner" not in text
    assert "mlk8s-limits" not in text
    assert "pod-security.kubernetes.io" not in text
    namespaces = {c.object["metadata"].get("namespace") for c in recording.changes}
    assert namespaces <= {SPACE, None}
    assert names(recording, "Node") >= {"gpu-worker"}


def test_secret_values_are_nowhere(session: Session) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": SPACE},
        "stringData": {"token": "very-secret"},
    }
    recording = observe(lab_with("apply"), a_submission(secret), session.cluster, session=session)
    assert names(recording, "Secret") == {"key"}
    text = as_text(recording)
    assert "very-secret" not in text
    assert "dmVyeS1zZWNyZXQ" not in text


def test_a_pod_that_never_gets_ready_ends_in_quiet(session: Session) -> None:
    recording = observe(lab_with("apply"), web(path="/"), session.cluster, session=session)
    end = recording.marks[-1]
    assert end.note == "quiet"
    assert any("not ready" in text for text in end.detail["waiting"])
    events = [c.object for c in recording.changes if c.object["kind"] == "Event"]
    assert any("Readiness probe failed" in event["message"] for event in events)


def test_a_pod_that_does_not_fit_leaves_the_schedulers_words(session: Session) -> None:
    more = {"resources": {"requests": {"cpu": "900"}}}
    recording = observe(lab_with("apply"), web(**more), session.cluster, session=session)
    assert recording.marks[-1].note == "quiet"
    events = [c.object for c in recording.changes if c.object["kind"] == "Event"]
    assert any("Insufficient cpu" in event["message"] for event in events)


def test_an_image_that_is_not_there_is_given_up_soon(session: Session) -> None:
    submission = web(image=f"{IMAGE}:v9")
    recording = observe(lab_with("apply"), submission, session.cluster, session=session)
    assert recording.marks[-1].note == "quiet"


def test_refusals_are_facts(session: Session) -> None:
    misspelt = deployment("typo")
    misspelt["spec"]["replica"] = 2
    privileged = deployment("root", securityContext={"privileged": True})
    submission = a_submission(
        NAMESPACE,
        {**SERVICE, "metadata": {"name": "elsewhere", "namespace": "default"}},
        {**SERVICE, "metadata": {"name": "nowhere"}},
        misspelt,
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cpu-worker-1"}},
        privileged,
        SERVICE,
    )
    recording = observe(lab_with("apply"), submission, session.cluster, session=session)
    assert recording.complete
    found = {answer.target: answer for answer in recording.answers}
    assert found["Service/elsewhere"].reason == "ForeignNamespace"
    assert found["Service/nowhere"].reason == "NoNamespace"
    assert found["Deployment/typo"].code == 400
    assert 'unknown field "spec.replica"' in found["Deployment/typo"].message
    assert found["Node/cpu-worker-1"].reason == "KindNotAllowed"
    assert found["Service/web"].ok
    events = [c.object for c in recording.changes if c.object["kind"] == "Event"]
    assert any('violates PodSecurity "baseline' in event["message"] for event in events)


def test_send_clone_delete_and_wait_gone(session: Session, tmp_path: Path) -> None:
    bad = {**SERVICE, "metadata": {"name": "Bad_Name", "namespace": SPACE}}
    (tmp_path / "bad.yaml").write_text("# a comment\n" + yaml.safe_dump(bad))
    scenario = [
        "apply",
        {"send": {"files": ["bad.yaml"]}},
        {"clone": {"object": "Deployment/web", "name": "twin"}},
        "delete",
        {"wait-gone": {}, "as": "gone"},
    ]
    recording = observe(a_lab(scenario, root=tmp_path), web(), session.cluster, session=session)
    tried = next(answer for answer in recording.answers if answer.step == "send")
    assert (tried.verb, tried.code, tried.place) == ("create", 422, "bad.yaml:2")
    assert names(recording, "Deployment") == {"web", "twin"}
    gone = {
        (change.object["kind"], change.object["metadata"]["name"])
        for change in recording.changes
        if change.verb == "deleted"
    }
    assert {("Deployment", "web"), ("Service", "web")} <= gone
    assert ("Deployment", "twin") not in gone
    assert notes(recording)[-1] == ("gone", "gone")


def test_steps_that_find_nothing_say_so(session: Session) -> None:
    scenario = ["apply", ROLL, {"delete-pod": {"of": "Deployment/web"}, "as": "replace"}]
    recording = observe(
        lab_with(*scenario), a_submission(SERVICE), session.cluster, session=session
    )
    found = [(answer.step, answer.code, answer.reason) for answer in recording.answers[1:]]
    assert found == [("roll", 404, "NotFound"), ("replace", 404, "NoPods")]
    other = {"roll": {**ROLL["roll"], "container": "sidecar"}}
    recording = observe(lab_with("apply", other), web(), session.cluster, session=session)
    assert recording.answers[-1].reason == "NoContainer"


def test_runs_side_by_side_do_not_see_each_other(session: Session) -> None:
    together = threading.Barrier(4)

    def run(index: int) -> set[str]:
        submission = a_submission(NAMESPACE, deployment(f"web-{index}"))
        together.wait(30)
        recording = observe(lab_with("apply"), submission, session.cluster, session=session)
        assert notes(recording) == [("apply", "settled")]
        assert len(names(recording, "Pod")) == 2
        return names(recording, "Deployment")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [{f"web-{index}"} for index in range(4)]


@pytest.mark.parametrize(
    ("server", "probe"),
    [
        ({}, {"livenessProbe": {"httpGet": {"path": "/health", "port": 8000}}}),
        ({"runs_for": 20}, {}),
        ({"crash_after": 60}, {}),
    ],
    ids=["its liveness probe will kill it", "finite work", "it will crash"],
)
def test_a_server_that_is_ready_for_a_moment_has_not_settled(
    server: dict[str, Any], probe: dict[str, Any], session: Session
) -> None:
    model = ServerModel(image=IMAGE, port=8000, ready=("/ready",), live=("/live",), **server)
    lab = a_lab(["apply"], servers=(model,))
    recording = observe(lab, web(replicas=1, **probe), session.cluster, session=session)
    (note,) = notes(recording)
    assert note == ("apply", "quiet")
    (pod,) = [c.object for c in recording.changes if c.object["kind"] == "Pod"][-1:]
    assert pod["status"]["containerStatuses"][0]["restartCount"] >= 1
    assert not is_ready(pod)


def test_labs_that_describe_one_image_differently_are_played_at_once(session: Session) -> None:
    broken = ServerModel(image=IMAGE, port=8000, load=2, crash_after=1, crash_code=3)
    labs = {
        "healthy": lab_with("apply"),
        "broken": a_lab(["apply"], servers=(broken,)),
        "another tag": a_lab(["apply"], servers=(ServerModel(image=IMAGE, tags=("v9",)),)),
    }

    def waits_for(lab: Lab) -> set[str]:
        """Why containers of this lab had to wait, if they had to."""
        recording = observe(lab, web(replicas=1), session.cluster, session=session)
        entries = [
            entry
            for change in recording.changes
            if change.object["kind"] == "Pod"
            for entry in change.object.get("status", {}).get("containerStatuses") or []
        ]
        reasons = {entry["state"].get("waiting", {}).get("reason") for entry in entries}
        return reasons - {None, "ContainerCreating"}

    with ThreadPoolExecutor(len(labs)) as pool:
        found = dict(zip(labs, pool.map(waits_for, labs.values()), strict=True))
    assert found == {
        "healthy": set(),
        "broken": {"CrashLoopBackOff"},
        "another tag": {"ErrImagePull", "ImagePullBackOff"},
    }


def test_a_cluster_of_its_own_gets_its_nodes_back(session: Session) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "cpu-worker-2", "labels": {"accelerator": "nvidia-a100"}},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]},
    }
    lab = lab_with(
        "apply",
        {"cordon": {"nodes": ["cpu-worker-1"]}},
        isolation="cluster",
        namespaces=("own-names",),
        kinds=("Namespace", "Node"),
    )
    before = session.api.get("/api/v1/nodes/cpu-worker-2").body
    recording = observe(lab, a_submission(node), session.cluster, session=session)
    assert all(answer.ok for answer in recording.answers), recording.answers
    changed = [c.object for c in recording.changes if c.object["kind"] == "Node"]
    taints = {obj["metadata"]["name"]: obj["spec"].get("taints") or [] for obj in changed}
    assert taints["cpu-worker-2"][0]["key"] == "nvidia.com/gpu"
    cordoned = {o["metadata"]["name"] for o in changed if o["spec"].get("unschedulable")}
    assert cordoned == {"cpu-worker-1"}
    after = session.api.get("/api/v1/nodes/cpu-worker-2").body
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["spec"].get("taints") == before["spec"].get("taints")
    assert not session.api.get("/api/v1/nodes/cpu-worker-1").body["spec"].get("unschedulable")
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    assert session.api.get(roles, labelSelector="mlk8s.dev/run").body["items"] == []


def test_a_foreign_finalizer_does_not_keep_the_namespace(session: Session) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "sticky", "namespace": SPACE, "finalizers": ["example.com/never"]},
    }
    lab = lab_with("apply", isolation="cluster", namespaces=(SPACE,))
    for _ in range(2):
        recording = observe(lab, a_submission(config), session.cluster, session=session)
        assert recording.complete
        assert recording.answers[0].ok
    assert session.api.get(f"/api/v1/namespaces/{SPACE}").code == 404


def test_nothing_stays_unless_it_is_kept(session: Session) -> None:
    observe(lab_with("apply"), web(), session.cluster, session=session)
    assert runs_left(session.api) == []
    observe(lab_with("apply"), web(), session.cluster, session=session, keep=True)
    kept = runs_left(session.api)
    assert len(kept) == 1
    pods = session.api.get(f"/api/v1/namespaces/{kept[0]}/pods").body["items"]
    assert len(pods) == 2
    session.api.call("DELETE", f"/api/v1/namespaces/{kept[0]}")
