from __future__ import annotations

import json
import socket

import pytest

from cluster.processes import myself
from grader.errors import MachineError
from grader.observe import identity
from grader.observe.client import ApiAnswer
from grader.observe.isolation import (
    ENFORCE,
    KEEP,
    NODES,
    OWNER,
    QUOTA,
    Isolation,
    clean_up,
    new_run,
    plan,
    prepare,
    reap,
)
from grader.observe.kinds import KNOWN, Kinds
from grader.observe.names import Names
from grader.observe.volumes import claim_to_real, volume_object
from tests.grader.observe.fakes import FakeApi
from tests.grader.observe.samples import a_lab, an_object

SPACES = ("ml-serving",)


def test_a_plan_for_a_shared_cluster_and_for_one_of_its_own() -> None:
    kinds = Kinds(FakeApi())
    shared = plan(a_lab(), kinds, frozenset())
    assert shared.names.real == (f"ml-serving-{shared.run}",)
    node = a_lab(kinds=("Namespace", "Node", "Job"))
    assert not plan(node, kinds, frozenset()).allows("Node")
    alone = plan(a_lab(kinds=("Namespace", "Node", "Job"), isolation="cluster"), kinds, frozenset())
    assert alone.names.real == SPACES
    assert alone.allows("Node")
    assert [kind.name for kind in alone.kinds] == ["Namespace", "Node", "Job"]
    absent = plan(a_lab(kinds=("Namespace", "ScaledObject")), kinds, frozenset())
    assert absent.allows("ScaledObject"), "the cluster then says that it has no such kind"
    assert [kind.name for kind in absent.kinds] == ["Namespace"]
    assert len({new_run() for _ in range(200)}) == 200


def test_rules_name_every_verb() -> None:
    kinds = tuple(KNOWN[name] for name in ("Namespace", "Node", "Role", "ServiceAccount", "Job"))
    grants = identity.grants("abc234", kinds, ("a", "b"))
    assert [g["kind"] for g in grants] == [
        "Role",
        "RoleBinding",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
    ]
    rules = [rule for grant in grants for rule in grant.get("rules", [])]
    assert not any({"*", "impersonate", "escalate", "bind"} & set(rule["verbs"]) for rule in rules)
    wide = grants[4]["rules"]
    assert wide == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "patch"]}]
    assert len(identity.grants("abc234", (KNOWN["Job"],), ("a",))) == 2


def test_who_may_write_roles_holds_what_roles_usually_allow() -> None:
    # The API server lets nobody hand out more than he has, so a Role that lets a pipeline watch
    # ReplicaSets and read logs could not be written otherwise.
    rules = identity.role_rules([KNOWN["Role"], KNOWN["Deployment"]])
    held = {resource for rule in rules for resource in rule["resources"]}
    assert {"replicasets", "pods/log", "deployments/scale", "secrets"} <= held
    assert not held & {"*", "namespaces", "resourcequotas", "serviceaccounts/token"}
    assert "*" not in {verb for rule in rules for verb in rule["verbs"]}
    without = identity.role_rules([KNOWN["Deployment"]])
    assert {resource for rule in without for resource in rule["resources"]} == {"deployments"}


def test_what_a_recording_does_not_show() -> None:
    isolation = Isolation("abc234", Names.unchanged(SPACES), ())
    assert isolation.hides(an_object("ResourceQuota", QUOTA))
    assert isolation.hides(an_object("ConfigMap", "kube-root-ca.crt"))
    assert isolation.hides(an_object("Role", "mlk8s-submission-abc234"))
    assert not isolation.hides(an_object("ResourceQuota", "team"))
    labelled = an_object("Pod", "a", metadata={"labels": {"mlk8s.dev/run": "abc234"}})
    assert not isolation.hides(labelled), "a submission cannot hide by a label"


def test_a_namespace_without_our_marks() -> None:
    marked = {"labels": {"mlk8s.dev/run": "x", ENFORCE: "baseline"}, "annotations": {OWNER: "{}"}}
    space = an_object("Namespace", "ml", metadata=marked)
    ours = Isolation("x", Names.unchanged(SPACES), ())
    assert not {"labels", "annotations"} & set(ours.retouch(space)["metadata"])
    written = Isolation("x", Names.unchanged(SPACES), (), frozenset(), frozenset({ENFORCE}))
    assert written.retouch(space)["metadata"]["labels"] == {ENFORCE: "baseline"}
    pod = an_object("Pod", "a")
    assert ours.retouch(pod) is pod


def test_a_namespace_of_somebody_else_is_not_used() -> None:
    api = FakeApi()
    api.respond = lambda method, path: ApiAnswer(
        409 if method == "POST" else 200, body=an_object("Namespace", "ml-serving")
    )
    isolation = Isolation("x", Names.unchanged(SPACES), ())
    with pytest.raises(MachineError, match="not the grader's to use"):
        prepare(api, isolation)
    clean_up(api, isolation)
    assert not [request for request in api.requests if request[0] == "DELETE"]


def test_only_leftovers_of_ended_processes_of_this_machine_are_reaped() -> None:
    me, host = myself(), socket.gethostname()

    def space(name: str, owner: object, **notes: str) -> dict[str, object]:
        annotations = {OWNER: json.dumps(owner), **notes}
        labels = {"mlk8s.dev/run": name}
        return an_object("Namespace", name, metadata={"annotations": annotations, "labels": labels})

    dead = {"host": host, "pid": me.pid, "started": "long ago"}
    api = FakeApi(
        [
            space("dead", dead),
            space("alive", {"host": host, "pid": me.pid, "started": me.started}),
            space("elsewhere", {**dead, "host": "another"}),
            space("kept", dead, **{KEEP: "true"}),
            space("odd", ["nonsense"]),
        ]
    )
    assert reap(api) == ["dead"]
    deleted = [path for method, path, _, _ in api.requests if method == "DELETE"]
    assert deleted[-1] == "/api/v1/namespaces/dead"
    assert not [path for path in deleted if "namespaces" in path and "dead" not in path]


def test_nodes_that_a_killed_run_has_changed_are_put_back() -> None:
    before = {"gpu-worker": {"metadata": {"labels": {"a": "b"}}, "spec": {"taints": None}}}
    owner = {"host": socket.gethostname(), "pid": 1, "started": "long ago"}
    annotations = {OWNER: json.dumps(owner), NODES: json.dumps(before)}
    more = {"annotations": annotations, "labels": {"mlk8s.dev/run": "abc234"}}
    api = FakeApi([an_object("Namespace", "dead", metadata=more)])
    assert reap(api) == ["dead"]
    changes = [(path, body) for method, path, body, _ in api.requests if method == "PATCH"]
    assert changes == [("/api/v1/nodes/gpu-worker", before["gpu-worker"])]


def test_a_lab_s_volumes_are_each_run_s_own() -> None:
    volume = {"name": "models", "capacity": "5Gi", "claim": "cache"}
    lab = a_lab(volumes=(volume,))
    made = []
    for run in ("abc234", "def567"):
        api = FakeApi()
        isolation = plan(lab, Kinds(api), frozenset())
        isolation.run = run
        made.append(volume_object(isolation.volumes[0], run, f"ml-serving-{run}", {"a": "b"}))
    names = [found["metadata"]["name"] for found in made]
    assert names == ["models-abc234", "models-def567"]
    assert made[0]["spec"]["claimRef"]["namespace"] == "ml-serving-abc234"
    assert made[0]["spec"]["claimRef"]["name"] == "cache"
    claim = {"kind": "PersistentVolumeClaim", "spec": {"volumeName": "models"}}
    mapped = claim_to_real(claim, isolation.volumes, "def567")
    assert mapped["spec"]["volumeName"] == "models-def567"
    assert claim["spec"]["volumeName"] == "models"
    other = {"kind": "PersistentVolumeClaim", "spec": {"volumeName": "models-2"}}
    assert claim_to_real(other, isolation.volumes, "def567") is other
    with pytest.raises(ValueError, match="not the lab's"):
        a_lab(volumes=({**volume, "namespace": "elsewhere"},))
