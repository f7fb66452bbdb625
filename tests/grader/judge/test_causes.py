"""The first cause comes first, each is one sentence with its evidence, and effects follow."""

from __future__ import annotations

from typing import Any

import pytest

from grader.judge.causes import WORDS, Chain, causes_of, explain
from grader.judge.causes.cause import SHORT
from tests.grader.judge.build import Builder, event, pod, slice_of, thing

WEB = ("ReplicaSet", "web-1")
LABELS = {"labels": {"app": "web"}}


def web(replicas: int = 1, **status: Any) -> Builder:
    """A Deployment `web` with its ReplicaSet; Pods are added by the test."""
    template = {"metadata": LABELS, "spec": {"containers": [{"name": "server"}]}}
    spec = {"replicas": replicas, "template": template}
    made = Builder().change("added", thing("Deployment", "web", spec=spec, status=status))
    return made.change(
        "added", thing("ReplicaSet", "web-1", spec=spec, owner=("Deployment", "web"))
    )


def with_pod(status: dict[str, Any], made: Builder | None = None, **spec: Any) -> Builder:
    made = made or web()
    return made.change(
        "added", pod("web-1-a", ready=False, owner=WEB, metadata=LABELS, status=status, spec=spec)
    )


def container(why: str = "", message: str = "", init: bool = False, **last: Any) -> dict[str, Any]:
    waiting = {"waiting": {"reason": why, "message": message}} if why else {"running": {}}
    entry: dict[str, Any] = {"name": "server", "state": waiting, "restartCount": 3, "ready": False}
    if last:
        entry["lastState"] = {"terminated": last}
    return {"initContainerStatuses" if init else "containerStatuses": [entry]}


def service(**selector: str) -> Any:
    return thing("Service", "web", spec={"selector": selector})


def about(made: Builder, workload: str = "Deployment/web") -> Chain:
    found = causes_of(made.view, workload)
    assert found is not None
    return found


def lines(made: Builder, failure: str = "") -> list[str]:
    return explain(made.view._history, None, failure)


def test_every_word_has_its_link() -> None:
    assert set(WORDS) == set(SHORT)


def test_a_refusal_comes_first_and_the_service_follows() -> None:
    made = Builder().answer(code=422, target="Deployment/web", message="no", place="d.yaml:3")
    made.change("added", service(app="web"))
    assert lines(made) == [
        "The API server refused Deployment/web: d.yaml:3: no (answer 422 of Deployment/web, 0.0 s)",
        "Service web has no endpoints, because no Pod was made",
    ]


def test_what_the_grader_keeps_back_is_not_laid_to_the_api_server() -> None:
    made = Builder().answer(code=403, target="Deployment/web", message="no", reason="NoNamespace")
    assert lines(made)[0].startswith("The grader refused Deployment/web: no")


def test_a_refusal_that_was_mended_is_no_cause() -> None:
    made = Builder().answer(code=422, target="Service/web", message="no")
    made.answer(code=201, target="Service/web", at=3.0)
    assert lines(made) == []


def test_a_later_refusal_explains_nothing_before_it() -> None:
    made = Builder().begin("broken").change("added", service(app="web")).end("broken")
    made.begin("repair").answer(code=422, target="Service/web", message="no", step="repair", at=9.0)
    chain = made.view.during("broken").cause("Service/web")
    assert chain is not None
    assert chain.cause.word == "selector"
    later = made.view.during("repair").cause("Service/web")
    assert later is not None
    assert later.cause.word == "admission"
    assert lines(made)[0].startswith("The API server refused")
    assert explain(made.view._history, 2)[0].startswith("Service web selects")


def test_the_scheduler_speaks_for_itself() -> None:
    why = "1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint(s)."
    words = f"0/3 nodes are available: {why}"
    unscheduled = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": words}],
    }
    made = with_pod(unscheduled)
    made.change("added", event("Pod/web-1-a", "FailedScheduling", words))
    chain = about(made)
    assert chain.cause.word == "scheduling"
    assert chain.cause.field == "spec.containers[*].resources.requests, spec.tolerations"
    assert chain.cause.sentence == (
        f"Pod web-1-a is Pending, the scheduler says: {words}"
        " (event FailedScheduling of Pod/web-1-a, 4.0 s)"
    )
    assert chain.links == "no node fits -> Pod not Ready"


def test_a_pod_that_waits_for_a_claim() -> None:
    words = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    words = words.replace("PersistentVolumeClaims", "persistentvolumeclaims")
    unscheduled = {"conditions": [{"type": "PodScheduled", "status": "False", "message": words}]}
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
    made = with_pod(unscheduled, volumes=[volume])
    made.change("added", thing("PersistentVolumeClaim", "models", status={"phase": "Pending"}))
    said = 'storageclass "fast" not found'
    made.change("added", event("PersistentVolumeClaim/models", "ProvisioningFailed", said))
    cause = about(made).cause
    assert cause.word == "claim"
    assert f"PersistentVolumeClaim/models is Pending: {said}" in cause.said


def test_a_pod_whose_volume_nobody_can_make() -> None:
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
    made = with_pod({"phase": "Pending"}, volumes=[volume])
    made.change("added", thing("PersistentVolumeClaim", "models", status={"phase": "Pending"}))
    said = "only supports ReadWriteOnce"
    made.change("added", event("PersistentVolumeClaim/models", "ProvisioningFailed", said))
    cause = about(made).cause
    assert cause.word == "claim"
    assert cause.said == said
    assert cause.source == "event ProvisioningFailed"


def test_image_then_pod_then_endpoints() -> None:
    made = with_pod(container("ImagePullBackOff", 'Back-off pulling image "x"'))
    made.change("added", event("Pod/web-1-a", "Failed", 'Failed to pull image "x": not found'))
    made.change("added", service(app="web"))
    chain = about(made)
    assert chain.links == "image pull failed -> Pod not Ready -> Service without endpoints"
    assert chain.lines[0] == (
        'Container server of Pod web-1-a has no image: Failed to pull image "x": not found'
        " (event Failed of Pod/web-1-a, 4.0 s)"
    )
    assert chain.lines[-1].startswith("Service web has no endpoints")
    assert about(made, "Service/web") == chain


def test_memory_is_told_from_other_ends() -> None:
    made = with_pod(
        container("CrashLoopBackOff", reason="OOMKilled", exitCode=137),
        containers=[{"name": "server", "resources": {"limits": {"memory": "1Gi"}}}],
    )
    cause = about(made).cause
    assert (cause.word, cause.container) == ("memory", "server")
    assert cause.field == "spec.containers[server].resources.limits.memory"
    assert "(limit 1Gi; restarted 3 times): OOMKilled, exit code 137" in cause.sentence
    crashed = about(with_pod(container("CrashLoopBackOff", reason="Error", exitCode=2)))
    assert crashed.cause.word == "crash"
    assert "keeps ending (exit code 2, restarted 3 times)" in crashed.cause.sentence


@pytest.mark.parametrize(("reason", "code"), [("Error", 137), ("Error", 143), ("Completed", 0)])
def test_a_killing_probe_is_told_from_a_crash(reason: str, code: int) -> None:
    """Also where the server heeds SIGTERM and ends in order."""
    made = with_pod(container("CrashLoopBackOff", reason=reason, exitCode=code))
    said = "Container server failed liveness probe, will be restarted"
    made.change("added", event("Pod/web-1-a", "Killing", said))
    made.change("added", event("Pod/web-1-a", "Unhealthy", "Liveness probe failed: 503"))
    cause = about(made).cause
    assert (cause.word, cause.field) == ("probe", "spec.containers[server].livenessProbe")
    assert said in cause.said
    assert "Liveness probe failed: 503" in cause.said


@pytest.mark.parametrize(("policy", "word"), [(None, "crash"), ("OnFailure", "starting")])
def test_a_server_that_ends_without_an_error(policy: str | None, word: str) -> None:
    """As one that goes into the background; finite work may end."""
    done = container("CrashLoopBackOff", reason="Completed", exitCode=0)
    cause = about(with_pod(done, **({"restartPolicy": policy} if policy else {}))).cause
    assert cause.word == word
    assert ("keeps ending (exit code 0, restarted 3 times)" in cause.sentence) is (policy is None)


def test_a_server_that_runs_again_after_it_ended_in_order() -> None:
    made = with_pod(container(reason="Completed", exitCode=0))
    made.change("added", event("Pod/web-1-a", "Unhealthy", "Readiness probe failed: 503"))
    assert about(made).cause.word == "probe"


@pytest.mark.parametrize("init", [False, True])
def test_a_volume_that_came_at_the_second_attempt_is_no_cause(init: bool) -> None:
    made = with_pod(container("CrashLoopBackOff", init=init, reason="Error", exitCode=1))
    made.change("added", event("Pod/web-1-a", "FailedMount", "failed to sync configmap cache"))
    assert about(made).cause.word == ("init-container" if init else "crash")


def test_a_pod_that_a_limit_keeps_killing_is_not_healthy_while_it_is_ready() -> None:
    killed = container(reason="OOMKilled", exitCode=137)
    made = web().change("added", pod("web-1-a", owner=WEB, status=killed))
    assert about(made).cause.word == "memory"
    came_up = container(reason="Error", exitCode=1)
    made = web().change("added", pod("web-1-a", owner=WEB, status=came_up))
    assert causes_of(made.view, "Deployment/web") is None


def test_a_readiness_probe_that_fails() -> None:
    made = with_pod(container())
    made.change("added", event("Pod/web-1-a", "Unhealthy", "Readiness probe failed: 404"))
    cause = about(made).cause
    assert (cause.word, cause.field) == ("probe", "spec.containers[server].readinessProbe")
    assert cause.what == "Container server of Pod web-1-a runs but is not Ready"


def test_an_init_container_that_fails() -> None:
    made = with_pod(container("CrashLoopBackOff", init=True, reason="Error", exitCode=1))
    chain = about(made)
    assert (chain.cause.word, chain.cause.container) == ("init-container", "server")
    assert chain.cause.field == "spec.initContainers[server]"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (container("CreateContainerConfigError", 'secret "key" not found'), "event Failed"),
        ({"containerStatuses": [{"name": "server", "state": {"waiting": {}}}]}, "FailedMount"),
    ],
)
def test_missing_configuration(status: dict[str, Any], said: str) -> None:
    made = with_pod(status)
    reason = "FailedMount" if said == "FailedMount" else "Failed"
    made.change("added", event("Pod/web-1-a", reason, 'configmap "settings" not found'))
    assert about(made).cause.word == "configuration"
    assert said in about(made).cause.sentence


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ('pods "web" is forbidden: exceeded quota: ml, requested: pods=1', "quota"),
        ('pods "web" is forbidden: violates PodSecurity "restricted:latest"', "admission"),
        ('pods "web" is forbidden: maximum memory usage per Container is 1Gi', "admission"),
        (
            'pods "web" is forbidden: error looking up service account ml/x: '
            'serviceaccount "x" not found',
            "configuration",
        ),
    ],
)
def test_pods_that_are_never_made(message: str, word: str) -> None:
    made = web().change("added", event("ReplicaSet/web-1", "FailedCreate", message))
    made.change("added", service(app="web"))
    chain = about(made)
    assert chain.cause.word == word
    assert chain.lines[0].startswith(f"ReplicaSet web-1 cannot create its Pods: {message}")
    assert chain.links.endswith("Service without endpoints")


def test_selector_drift_names_both_sides() -> None:
    made = web().change("added", pod("web-1-a", owner=WEB, metadata=LABELS))
    made.change("added", service(app="wep"))
    chain = about(made, "Service/web")
    assert (chain.cause.word, chain.cause.field) == ("selector", "spec.selector")
    assert "selects {app: wep}, which no Pod carries: the Pods carry {app: web}" in chain.lines[0]
    assert chain.links == "selector matches no Pod -> Service without endpoints"
    assert causes_of(made.view, "Deployment/web") is None


def test_a_port_name_that_no_container_has() -> None:
    made = web().change("added", pod("web-1-a", owner=WEB, metadata=LABELS))
    ports = [{"port": 80, "targetPort": "https"}]
    made.change("added", thing("Service", "web", spec={"selector": {"app": "web"}, "ports": ports}))
    made.change("added", {**slice_of("web", "web-1-a"), "ports": []})
    cause = about(made, "Service/web").cause
    assert (cause.word, cause.field) == ("port", "spec.ports")


def test_an_evicted_pod() -> None:
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    cause = about(with_pod(evicted)).cause
    assert (cause.word, cause.said) == ("eviction", "The node was low on memory.")


def test_a_job_ended_by_its_deadline() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "message": "too long",
    }
    made = Builder().change("added", thing("Job", "train", status={"conditions": [failed]}))
    cause = about(made, "Job/train").cause
    assert (cause.word, cause.field) == ("deadline", "spec.activeDeadlineSeconds")


def test_a_job_fails_because_its_pods_crash() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "often",
    }
    made = Builder().change("added", thing("Job", "train", status={"conditions": [failed]}))
    ended = {"name": "trainer", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
    status = {"phase": "Failed", "containerStatuses": [ended]}
    made.change("added", pod("train-a", ready=False, owner=("Job", "train"), status=status))
    chain = about(made, "Job/train")
    assert (chain.cause.word, chain.cause.container) == ("crash", "trainer")
    assert chain.links.endswith("Job failed")


def test_an_autoscaler_without_requests() -> None:
    words = "failed to get cpu utilization: missing request for cpu"
    blind = {"type": "ScalingActive", "status": "False", "message": words, "reason": "x"}
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    scaler = thing("HorizontalPodAutoscaler", "web", spec=target, status={"conditions": [blind]})
    chain = about(Builder().change("added", scaler), "HorizontalPodAutoscaler/web")
    assert (chain.cause.word, chain.cause.said) == ("metrics", words)


def test_a_rollout_that_hangs_keeps_its_old_replicas() -> None:
    made = web(replicas=1, readyReplicas=1, updatedReplicas=0)
    made.change("added", pod("web-0-a", owner=("ReplicaSet", "web-0")))
    with_pod(container("ErrImagePull", "no such tag"), made)
    assert about(made).links == "image pull failed -> Pod not Ready -> rollout stuck"


def test_a_pod_that_only_needs_time_is_named_last() -> None:
    made = with_pod(container())
    chain = about(made)
    assert chain.cause.word == "starting"
    made.change("added", thing("Service", "x", spec={"selector": {"app": "y"}}))
    assert lines(made)[0].startswith("Service x selects")


def test_a_dip_names_the_pod_that_leaves_too_early() -> None:
    made = with_pod(container())
    leaving = {**LABELS, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    made.change("added", pod("web-0-b", owner=WEB, metadata=leaving))
    assert "meanwhile web-0-b is being taken away" in about(made).lines


def test_another_workloads_trouble_explains_nothing() -> None:
    made = with_pod(container("ErrImagePull", "no such tag"))
    made.change("added", pod("other"))
    assert lines(made, "ready Pods of Deployment/web to be two, observed none")
    assert lines(made, "node of Pod other to be cpu-worker-1, observed gpu-worker") == []


def test_names_in_two_namespaces_are_told_apart() -> None:
    made = with_pod(container("ErrImagePull", "no such tag"))
    elsewhere = {"namespace": "ml-two", "uid": "uid-other"}
    made.change("added", thing("Deployment", "web", metadata=elsewhere, spec={"replicas": 0}))
    assert causes_of(made.view, "Deployment/web", namespace="ml") is not None
    assert causes_of(made.view, "Deployment/web", namespace="ml-two") is None


def test_a_healthy_state_has_no_cause() -> None:
    made = web(readyReplicas=1, updatedReplicas=1)
    made.change("added", pod("web-1-a", owner=WEB, metadata=LABELS))
    made.change("added", pod("done", ready=False, status={"phase": "Succeeded", "conditions": []}))
    made.change("added", service(app="web")).change("added", slice_of("web", "web-1-a"))
    assert lines(made) == []
