from __future__ import annotations

from typing import Any

import pytest

from cluster.model import Capabilities, ClusterStatus
from grader.model.scenario import ACTIONS, Clone, Finish, Request
from grader.observe.apply import apply, in_order
from grader.observe.client import ApiAnswer
from grader.observe.hub import WatchHub
from grader.observe.isolation import Isolation
from grader.observe.kinds import KNOWN, Kinds
from grader.observe.names import Names
from grader.observe.recorder import Recorder
from grader.observe.stage import Stage
from grader.observe.steps import PLAYERS
from grader.observe.steps.apply import fits
from tests.grader.observe.fakes import FakeApi
from tests.grader.observe.samples import a_lab, a_manifest, a_pod, a_submission, an_object

Json = dict[str, Any]
KINDS = ("Namespace", "Node", "Deployment", "Job", "Service", "ConfigMap", "ResourceQuota")


def a_stage(*values: Json, kinds: tuple[str, ...] = KINDS, containers: Any = None) -> Stage:
    api = FakeApi()
    names = Names({"ml": "ml-abc234"})
    isolation = Isolation("abc234", names, tuple(KNOWN[name] for name in kinds), frozenset(kinds))
    return Stage(
        api=api,
        kinds=Kinds(api),
        hub=WatchHub(api),
        recorder=Recorder(names, isolation.hides),
        isolation=isolation,
        lab=a_lab(),
        submission=a_submission(*values),
        cluster=ClusterStatus(
            name="test",
            provider="none",
            running=True,
            capabilities=Capabilities(containers=containers),
        ),
        watched=(KNOWN["Deployment"], KNOWN["Pod"]),
        step="apply",
    )


def api_of(stage: Stage) -> FakeApi:
    assert isinstance(stage.api, FakeApi)
    return stage.api


def deployment(**metadata: Any) -> Json:
    named = {"name": "web", "namespace": "ml", **metadata}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": {}}


def test_every_step_of_the_contract_can_be_played() -> None:
    assert set(PLAYERS) == set(ACTIONS)


def test_order() -> None:
    kinds = [
        "Deployment",
        "Secret",
        "Role",
        "Service",
        "Node",
        "LimitRange",
        "ConfigMap",
        "Namespace",
    ]
    manifests = tuple(a_manifest({"kind": kind}) for kind in kinds)
    assert [m.kind for m in in_order(manifests)] == [
        "Namespace",
        "Node",
        "Role",
        "LimitRange",
        "Secret",
        "ConfigMap",
        "Deployment",
        "Service",
    ]


def test_applied_as_the_learner_into_the_runs_own_namespace() -> None:
    stage = a_stage()
    apply(stage, a_manifest(deployment(), 7))
    method, path, body, user = api_of(stage).requests[-1]
    assert (method, user) == ("POST", "mlk8s:submission:abc234")
    assert path == "/apis/apps/v1/namespaces/ml-abc234/deployments"
    assert body["metadata"]["namespace"] == "ml-abc234"
    answer = stage.answers[0]
    assert (answer.target, answer.code, answer.place) == ("Deployment/web", 201, "all.yaml:7")
    assert stage.seen_next == [("Deployment", ("ml", "web"), 1)]


def test_a_refusal_is_recorded_in_the_servers_words_and_the_labs_names() -> None:
    stage = a_stage()
    message = 'deployments "web" is forbidden in namespace "ml-abc234"'
    api_of(stage).respond = lambda method, path: ApiAnswer(403, "Forbidden", message)
    apply(stage, a_manifest(deployment()))
    assert stage.answers[0].message == 'deployments "web" is forbidden in namespace "ml"'
    assert stage.seen_next == []


def test_what_exists_already_is_applied_over() -> None:
    stage = a_stage()
    exists = ApiAnswer(409, "AlreadyExists", "already exists")
    schema = "failed to create typed patch object: .spec.x: field not declared in schema"
    answers = {"POST": exists, "GET": ApiAnswer(200), "PATCH": ApiAnswer(500, "", schema)}
    api_of(stage).respond = lambda method, path: answers[method]
    apply(stage, a_manifest(deployment()))
    assert [request[0] for request in api_of(stage).requests] == ["POST", "GET", "PATCH"]
    assert (stage.answers[0].code, stage.answers[0].message) == (400, schema)


def test_what_the_run_created_counts_as_applied() -> None:
    """Else a field that the next version leaves out would stay, as the creation owns it."""
    stage = a_stage()
    created = {"manager": "mlk8s-learner", "operation": "Update", "fieldsV1": {}}
    status = {**created, "subresource": "status"}
    found = {"metadata": {"resourceVersion": "7", "managedFields": [created, status]}}
    answers = {
        "POST": ApiAnswer(409, "AlreadyExists"),
        "GET": ApiAnswer(200, body=found),
        "PATCH": ApiAnswer(200, body={"metadata": {"resourceVersion": "8"}}),
    }
    api_of(stage).respond = lambda method, path: answers[method]
    apply(stage, a_manifest(deployment()))
    methods = [request[0] for request in api_of(stage).requests]
    assert methods == ["POST", "GET", "PATCH", "PATCH"]
    (fields, version) = api_of(stage).requests[2][2]
    assert [entry["operation"] for entry in fields["value"]] == ["Apply", "Update"]
    assert version["value"] == "7"


LABELS = {"pod-security.kubernetes.io/enforce": "privileged"}


def a_namespace(name: str = "ml", **metadata: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def a_node(**more: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-worker"}, **more}


def a_quota(name: str) -> Json:
    metadata = {"name": name, "namespace": "ml"}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata}


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "ml"}}
OLD = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        (deployment(namespace=None), "NoNamespace", '"default"'),
        (deployment(namespace="kube-system"), "ForeignNamespace", 'works in "ml"'),
        (deployment(namespace="ml-abc234"), "ForeignNamespace", 'works in "ml"'),
        (deployment(name=None), "NoName", "metadata.name"),
        (a_namespace("other"), "ForeignNamespace", 'works in "ml"'),
        (a_namespace(labels=LABELS), "PodSecurityWeakened", "privileged"),
        (a_namespace(labels={"mlk8s.dev/run": "x"}), "Reserved", "belong to the grader"),
        (a_quota("mlk8s-limits"), "Reserved", "belongs to the grader"),
        (a_node(spec={"podCIDR": "10.0.0.0/8"}), "NodeFieldNotAllowed", "spec.podCIDR"),
        (a_node(status={}, spec={"unschedulable": True}), "NodeFieldNotAllowed", "unschedulable"),
        (POD, "KindNotAllowed", "kind Pod"),
        ({"kind": "Deployment"}, "BadManifest", "apiVersion"),
        (OLD, "NoKindMatch", 'no matches for kind "Deployment" in version "extensions/v1beta1"'),
    ],
)
def test_what_is_not_sent_at_all(value: Json, reason: str, words: str) -> None:
    stage = a_stage()
    apply(stage, a_manifest(value, 3))
    answer = stage.answers[0]
    assert not answer.ok
    assert (answer.reason, answer.place) == (reason, "all.yaml:3")
    assert words in answer.message
    assert not [request for request in api_of(stage).requests if request[0] != "GET"]


def test_nodes_may_get_labels_and_taints_and_are_remembered() -> None:
    stage = a_stage()
    before = an_object("Node", "gpu-worker", metadata={"labels": {"a": "b"}}, spec={"podCIDR": "x"})
    stage.recorder.see("Node", "present", before, 1, 10)
    node = a_node(spec={"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]})
    apply(stage, a_manifest(node))
    assert stage.answers[0].ok
    assert stage.isolation.nodes_before["gpu-worker"] == {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"taints": None, "unschedulable": None},
    }


def test_clone_takes_the_learners_object_under_another_name() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "ml"}}
    stage = a_stage(job)
    PLAYERS["clone"](stage, Clone(object="Job/a", name="b"))
    PLAYERS["clone"](stage, Clone(object="Job/missing", name="c"))
    _, path, body, _ = api_of(stage).requests[-1]
    assert path.endswith("/namespaces/ml-abc234/jobs")
    assert body["metadata"] == {"name": "b", "namespace": "ml-abc234"}
    assert [(a.target, a.reason) for a in stage.answers] == [
        ("Job/b", ""),
        ("Job/c", "NotInSubmission"),
    ]
    assert job["metadata"]["name"] == "a"


def test_requests_need_real_containers() -> None:
    stage = a_stage()
    PLAYERS["request"](stage, Request(service="web", path="/predict"))
    assert (stage.answers[0].code, stage.answers[0].reason) == (0, "NotPossible")
    stage = a_stage(containers="real")
    api_of(stage).respond = lambda method, path: ApiAnswer(200, text='{"label": "positive"}')
    PLAYERS["request"](stage, Request(service="web", path="/predict"))
    assert api_of(stage).requests[-1][1] == (
        "/api/v1/namespaces/ml-abc234/services/web:80/proxy/predict"
    )
    assert stage.answers[0].body == '{"label": "positive"}'


def test_finish_tells_running_pods_only() -> None:
    job = an_object("Job", "train")
    stage = a_stage(kinds=("Job",))
    stage.hub.sync = lambda *args: True  # type: ignore[method-assign]
    stage.recorder.see("Job", "added", job, 1, 10)
    for name, phase in (("a", "Running"), ("b", "Succeeded"), ("c", "Pending")):
        pod = a_pod(name, job)
        pod["status"]["phase"] = phase
        stage.recorder.see("Pod", "added", pod, 2, 10)
    PLAYERS["finish"](stage, Finish(of="Job/train", exit_code=3))
    patches = [request for request in api_of(stage).requests if request[0] == "PATCH"]
    assert [path.rsplit("/", 1)[1] for _, path, _, _ in patches] == ["a"]
    assert patches[0][2] == {"metadata": {"annotations": {"sim.mlk8s.dev/finish": "3"}}}
    stage = a_stage(kinds=("Job",))
    PLAYERS["finish"](stage, Finish(of="Job/train"))
    assert stage.answers[0].reason == "NoPods"


def test_finish_asks_real_trainers_and_waits_for_their_end() -> None:
    job = an_object("Job", "train")
    stage = a_stage(kinds=("Job",), containers="real")
    stage.hub.sync = lambda *args: True  # type: ignore[method-assign]
    stage.recorder.see("Job", "added", job, 1, 10)
    pod = a_pod("a", job)
    pod["status"] = {
        "phase": "Running",
        "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 3}}}],
    }
    stage.recorder.see("Pod", "added", pod, 2, 10)
    PLAYERS["finish"](stage, Finish(of="Job/train", exit_code=3))
    asked = [path for method, path, _, _ in api_of(stage).requests if method == "GET"]
    assert asked[-1].endswith("/pods/a:8000/proxy/finish?code=3")
    assert stage.answers[0].target == "Pod/a:8000/finish"


SLOW = {"spec": {"minReadySeconds": 30, "progressDeadlineSeconds": 600}}


def _slow_stage() -> Stage:
    stage = a_stage({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": META, **SLOW})
    stage.tempo = 0.05
    return stage


META = {"name": "web", "namespace": "ml"}


def test_durations_are_brought_to_tempo_once_the_written_ones_are_admitted() -> None:
    stage = _slow_stage()
    assert apply(stage, stage.submission.manifests[0]).ok
    sent = [body["spec"]["minReadySeconds"] for _, _, body, _ in api_of(stage).requests]
    assert sent == [30, 2]


def test_a_written_duration_that_is_refused_is_not_sent_at_tempo() -> None:
    stage = _slow_stage()
    api_of(stage).respond = lambda method, path: ApiAnswer(422, "Invalid", "too long")
    said = apply(stage, stage.submission.manifests[0])
    assert (said.code, len(api_of(stage).requests)) == (422, 1)


def test_annotations_that_steer_the_simulation_are_refused() -> None:
    note = {"metadata": {"annotations": {"sim.mlk8s.dev/finish": "0"}}}
    spec = {"template": note}
    value = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": META, "spec": spec}
    stage = a_stage(value)
    assert apply(stage, stage.submission.manifests[0]).reason == "Reserved"
    assert api_of(stage).requests == []


@pytest.mark.parametrize(
    ("pattern", "path", "is_meant"),
    [
        ("v2/*.yaml", "v2/web.yaml", True),
        ("v2/*.yaml", "v2/more/web.yaml", False),
        ("v2/**/*.yaml", "v2/more/web.yaml", True),
        ("v2/**/*.yaml", "v2/web.yaml", True),
        ("web.yaml", "web.yaml", True),
        ("web.yaml", "web_yaml", False),
        ("*.yaml", "v2/web.yaml", False),
    ],
)
def test_files_to_apply_are_chosen_by_pattern(pattern: str, path: str, is_meant: bool) -> None:
    assert fits(path, pattern) is is_meant
