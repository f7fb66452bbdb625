from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.model import ServerModel
from grader.observe.patience import BASE, SCHEDULER_BACKOFF, Patience, circling
from grader.observe.recorder import State
from grader.observe.settle import repository, unsettled
from tests.grader.observe.samples import a_pod, an_object, owned_by, state_of

Json = dict[str, Any]


def rolled_out(replicas: int = 2) -> list[Json]:
    counts = dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas
    )
    web = an_object(
        "Deployment", "web", spec={"replicas": replicas}, status={"observedGeneration": 1, **counts}
    )
    rs = an_object("ReplicaSet", "web-1", metadata=owned_by(web), spec={}, status={})
    pods = [a_pod(f"web-1-{n}", rs) for n in range(replicas)]
    service = an_object("Service", "web", spec={"selector": {"app": "web"}})
    labels = {"labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [
        {"conditions": {"ready": True}, "targetRef": {"uid": pod["metadata"]["uid"]}}
        for pod in pods
    ]
    piece = an_object("EndpointSlice", "web-abc", metadata=labels, endpoints=endpoints)
    return [web, rs, *pods, service, piece]


def texts(state: State, **more: Any) -> list[str]:
    return [waiting.text for waiting in unsettled(state, **more)]


ACTIVE = [{"type": "ScalingActive", "status": "True"}]


def test_a_rolled_out_deployment_has_settled() -> None:
    assert texts(state_of(*rolled_out())) == []
    assert texts({}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda o: o[0]["metadata"].update(generation=2), "has not seen the latest change"),
        (lambda o: o[0]["status"].update(updatedReplicas=1), "1 of 2 Pods updated"),
        (lambda o: o[0]["status"].update(readyReplicas=1), "1 of 2 Pods ready"),
        (lambda o: o[0]["status"].pop("availableReplicas"), "0 of 2 Pods available"),
        (lambda o: o[0]["status"].update(replicas=3), "3 of 2 Pods there"),
        (lambda o: o[0]["metadata"].update(deletionTimestamp="now"), "is being deleted"),
        (lambda o: o.pop(2), "1 of 2 Pods ready"),
        (lambda o: o[2]["metadata"].update(deletionTimestamp="now"), "is terminating"),
        (lambda o: o[2]["status"].update(conditions=[]), "is not ready"),
        (lambda o: o[-1]["endpoints"].pop(), "1 of 2 ready Pods are endpoints"),
        (lambda o: o[-1]["endpoints"][0].update(conditions={"ready": False}), "1 of 2 ready Pods"),
        (lambda o: o.pop(), "0 of 2 ready Pods are endpoints"),
        (
            lambda o: o.append(
                an_object("PersistentVolumeClaim", "c", status={"phase": "Pending"})
            ),
            "is not bound",
        ),
        (lambda o: o.append(an_object("PodDisruptionBudget", "b", status={})), "has not seen it"),
        (
            lambda o: o.append(an_object("ResourceQuota", "q", spec={"hard": {"pods": "1"}})),
            "not been counted",
        ),
        (
            lambda o: o.append(
                an_object(
                    "HorizontalPodAutoscaler",
                    "h",
                    status={"desiredReplicas": 4, "conditions": ACTIVE, "currentReplicas": 2},
                )
            ),
            "scaling to 4",
        ),
        (
            lambda o: o.append(an_object("Namespace", "ml", metadata={"deletionTimestamp": "now"})),
            "being deleted",
        ),
        (lambda o: o.append(a_pod("bare", ready=False)), "Pod/bare is not ready"),
    ],
)
def test_what_keeps_it_from_settling(change: Any, words: str) -> None:
    objects = copy.deepcopy(rolled_out())
    change(objects)
    found = texts(state_of(*objects))
    assert any(words in text for text in found), found


def test_services_that_settle_at_once() -> None:
    no_selector = an_object("Service", "external", spec={"type": "ExternalName"})
    eager = an_object(
        "Service", "peers", spec={"selector": {"a": "b"}, "publishNotReadyAddresses": True}
    )
    assert texts(state_of(no_selector, eager)) == []
    nobody = an_object("Service", "lost", spec={"selector": {"app": "nobody"}})
    assert texts(state_of(nobody)) == ["Service/lost: 0 of 0 ready Pods are endpoints"]
    labels = {"labels": {"kubernetes.io/service-name": "lost"}}
    empty = an_object("EndpointSlice", "lost-1", metadata=labels, endpoints=None)
    assert texts(state_of(nobody, empty)) == []


def test_stateful_sets_daemon_sets_and_bare_replica_sets() -> None:
    counts = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    db = an_object(
        "StatefulSet",
        "db",
        spec={},
        status={**counts, "updateRevision": "b", "currentRevision": "a"},
    )
    pod = a_pod("db-0", db)
    assert texts(state_of(db, pod)) == ["StatefulSet/db is rolling to its new revision"]
    db["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert texts(state_of(db, pod)) == []
    db["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 1}}
    assert texts(state_of(db, pod)) == []
    agent = an_object("DaemonSet", "agent", spec={}, status={"observedGeneration": 1})
    assert texts(state_of(agent)) == []
    lone = an_object("ReplicaSet", "lone", spec={"replicas": 1}, status={"observedGeneration": 1})
    assert texts(state_of(lone)) == ["ReplicaSet/lone: 0 of 1 Pods ready"]


def test_jobs() -> None:
    job = an_object("Job", "train", spec={"completions": 3, "parallelism": 2}, status={})
    assert texts(state_of(job)) == ["Job/train: 0 of 2 Pods running"]
    pods = [a_pod("a", job), a_pod("b", job)]
    assert texts(state_of(job, *pods)) == []
    assert texts(state_of(job, *pods), finite=frozenset({"example.com/web"})) == [
        "Job/train is at work"
    ]
    job["status"] = {"succeeded": 2}
    assert texts(state_of(job, pods[0])) == []
    job["status"] = {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}
    assert texts(state_of(job)) == ["Job/train is about to end"]
    job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert texts(state_of(job)) == []
    assert texts(state_of(an_object("Job", "later", spec={"suspend": True}))) == []


def test_repositories() -> None:
    assert repository("web") == repository("web:v1") == "web"
    assert repository("localhost:5000/web") == "localhost:5000/web"
    assert repository("localhost:5000/web:v1@sha256:abc") == "localhost:5000/web"


# How long silence may last


def unready(**container: Any) -> State:
    pod = a_pod("a", ready=False)
    pod["spec"]["containers"][0].update(container)
    return state_of(pod)


def ends(state: State, factor: float = 0.05, simulated: bool = True, servers: Any = ()) -> float:
    patience = Patience(servers, factor, simulated)
    return patience.ends_at(state, unsettled(state), last_change=100.0, now=100.0) - 100.0


def test_silence_of_a_pending_pod_is_short() -> None:
    pod = a_pod("a", ready=False)
    pod["spec"].pop("nodeName")
    pod["status"] = {"phase": "Pending"}
    assert ends(state_of(pod)) == pytest.approx(BASE + 0.25)
    pod["spec"]["nodeName"] = "n1"
    assert ends(state_of(pod)) == pytest.approx(BASE + 0.5)
    assert ends(state_of(pod), 1.0, simulated=False) > 100


def test_silence_covers_probes_and_loading() -> None:
    probe = {"initialDelaySeconds": 20, "periodSeconds": 5, "failureThreshold": 6}
    assert ends(unready(readinessProbe=probe)) == pytest.approx(BASE + 50 * 0.05)
    server = ServerModel(image="example.com/web", port=80, load=15, live=("/live",))
    assert ends(unready(readinessProbe=probe), servers=(server,)) == pytest.approx(BASE + 65 * 0.05)
    live = {"httpGet": {"path": "/live", "port": 80}, "initialDelaySeconds": 600}
    both = unready(readinessProbe=probe, livenessProbe=live)
    assert ends(both) == pytest.approx(BASE + 630 * 0.05)
    assert ends(both, servers=(server,)) == pytest.approx(BASE + 65 * 0.05)
    pod = next(iter(unready(startupProbe=probe)["Pod"].values()))
    pod["status"]["containerStatuses"][0]["started"] = False
    assert ends(state_of(pod)) == pytest.approx(BASE + 50 * 0.05)


def test_a_pod_for_which_others_were_preempted_is_tried_again_after_a_while() -> None:
    pod = a_pod("a", ready=False)
    pod["spec"].pop("nodeName")
    pod["status"] = {"phase": "Pending", "nominatedNodeName": "n1"}
    assert ends(state_of(pod)) == pytest.approx(BASE + 0.25 + SCHEDULER_BACKOFF)
    pod["spec"]["nodeName"] = "n1"
    assert ends(state_of(pod)) == pytest.approx(BASE + 0.5)


def test_silence_counts_from_when_a_container_was_first_seen() -> None:
    state = unready(readinessProbe={"initialDelaySeconds": 100})
    patience = Patience((), 0.05, True)
    first = patience.ends_at(state, unsettled(state), 100.0, 100.0)
    assert patience.ends_at(state, unsettled(state), 103.0, 104.0) == first
    state["Pod"][("ml", "a")]["status"]["containerStatuses"][0]["restartCount"] = 1
    assert patience.ends_at(state, unsettled(state), 104.0, 104.0) == first + 4


def test_silence_of_other_things() -> None:
    pod = a_pod("a", deletionTimestamp="now", deletionGracePeriodSeconds=40)
    assert ends(state_of(pod)) == pytest.approx(BASE + 2)
    web = an_object("Deployment", "web", spec={"minReadySeconds": 7})
    assert ends(state_of(web)) == pytest.approx(BASE + 0.25 + 7)
    space = an_object("Namespace", "ml", metadata={"deletionTimestamp": "now"})
    assert ends(state_of(space)) == pytest.approx(60)
    server = ServerModel(image="example.com/web", runs_for=100)
    assert ends(state_of(a_pod("a")), servers=(server,)) == pytest.approx(BASE + 5)


def failing(**status: Any) -> list[Json]:
    web, rs, good, bad, service, piece = rolled_out()
    bad["status"]["conditions"] = []
    bad["status"]["containerStatuses"][0].update(status)
    web["status"]["readyReplicas"] = 1
    return [web, rs, good, bad, service, piece]


def test_running_in_circles() -> None:
    state = state_of(*failing(restartCount=3))
    assert circling(state, unsettled(state))
    state = state_of(*failing(state={"waiting": {"reason": "ImagePullBackOff"}}))
    assert circling(state, unsettled(state))
    patience = Patience((), 0.05, True)
    assert patience.ends_at(state, unsettled(state), 100.0, 100.0) == 101.0
    assert patience.ends_at(state, unsettled(state), 100.9, 100.9) == 101.0
    state = state_of(*failing(restartCount=2))
    assert not circling(state, unsettled(state))
    other = an_object("Deployment", "other", spec={}, status={})
    state = state_of(*failing(restartCount=3), other)
    assert not circling(state, unsettled(state))


def test_a_claim_that_waits_for_its_first_pod_has_settled_until_a_pod_asks() -> None:
    claim = an_object("PersistentVolumeClaim", "cache", status={"phase": "Pending"})
    about = {"kind": "PersistentVolumeClaim", "name": "cache", "uid": claim["metadata"]["uid"]}
    said = an_object("Event", "cache.1", reason="WaitForFirstConsumer", involvedObject=about)
    assert texts(state_of(claim)) == ["PersistentVolumeClaim/cache is not bound"]
    assert texts(state_of(claim, said)) == []
    pod = a_pod("reader")
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "cache"}}
    pod["spec"]["volumes"] = [volume]
    assert texts(state_of(claim, said, pod)) == ["PersistentVolumeClaim/cache is not bound"]
