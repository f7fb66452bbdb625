from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.observe.names import LONGEST, Names
from tests.grader.observe.samples import an_object

NAMES = Names({"ml-serving": "ml-serving-x7k2qd", "ml": "ml-x7k2qd"})


@given(
    st.lists(
        st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_unique_names_are_valid_and_different(spaces: list[str]) -> None:
    names = Names.unique(tuple(spaces), "abc234")
    assert names.lab == tuple(spaces)
    assert len(set(names.real)) == len(spaces)
    for name in names.real:
        assert len(name) <= LONGEST
        assert name.endswith("-abc234")
        assert "--abc234" not in name


def test_unchanged_names_touch_nothing() -> None:
    names = Names.unchanged(("ml",))
    obj = an_object("Pod", "a")
    assert names.back(obj) is obj
    assert names.object_to_real(obj) is obj
    assert names.to_real("other") is None


def test_where_a_namespace_is_meant() -> None:
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "ml", "namespace": "ml", "labels": {"namespace": "ml"}},
        "subjects": [
            {"kind": "ServiceAccount", "name": "ml", "namespace": "ml-serving"},
            {"kind": "ServiceAccount", "name": "x", "namespace": "kube-system"},
            {"kind": "User", "name": "system:serviceaccount:ml:ml"},
            {"kind": "Group", "name": "system:serviceaccounts:ml-serving"},
            {"kind": "Group", "name": "system:serviceaccounts"},
            {"kind": "User", "name": "ml"},
        ],
    }
    found = NAMES.object_to_real(binding)
    assert found["metadata"] == {
        "name": "ml",
        "namespace": "ml-x7k2qd",
        "labels": {"namespace": "ml"},
    }
    assert [s["namespace"] for s in found["subjects"][:2]] == ["ml-serving-x7k2qd", "kube-system"]
    assert [s["name"] for s in found["subjects"][2:]] == [
        "system:serviceaccount:ml-x7k2qd:ml",
        "system:serviceaccounts:ml-serving-x7k2qd",
        "system:serviceaccounts",
        "ml",
    ]
    assert found["subjects"][0]["name"] == "ml"
    assert NAMES.back(found) == binding


def test_namespaces_and_their_selectors() -> None:
    space = {"kind": "Namespace", "metadata": {"name": "ml", "labels": {"name": "ml"}}}
    assert NAMES.object_to_real(space)["metadata"] == {
        "name": "ml-x7k2qd",
        "labels": {"name": "ml"},
    }
    label = "kubernetes.io/metadata.name"
    peers = [
        {"namespaceSelector": {"matchLabels": {label: "ml", "team": "ml"}}},
        {
            "namespaceSelector": {
                "matchExpressions": [
                    {"key": label, "operator": "In", "values": ["ml-serving", "other"]},
                    {"key": "team", "operator": "In", "values": ["ml"]},
                ]
            }
        },
    ]
    policy = {"kind": "NetworkPolicy", "metadata": {}, "spec": {"ingress": [{"from": peers}]}}
    first, second = NAMES.object_to_real(policy)["spec"]["ingress"][0]["from"]
    assert first["namespaceSelector"]["matchLabels"] == {label: "ml-x7k2qd", "team": "ml"}
    one, two = second["namespaceSelector"]["matchExpressions"]
    assert one["values"] == ["ml-serving-x7k2qd", "other"]
    assert two["values"] == ["ml"]


def test_affinity_names_namespaces() -> None:
    term = {"namespaces": ["ml", "other"], "topologyKey": "zone"}
    pod = {
        "kind": "Pod",
        "metadata": {},
        "spec": {"affinity": {"podAffinity": {"required": [term]}}},
    }
    found = NAMES.object_to_real(pod)["spec"]["affinity"]["podAffinity"]["required"][0]
    assert found["namespaces"] == ["ml-x7k2qd", "other"]


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("http://api.ml.svc:80/x", "http://api.ml-x7k2qd.svc:80/x"),
        ("api.ml.svc.cluster.local", "api.ml-x7k2qd.svc.cluster.local"),
        ("http://api.ml-serving/predict", "http://api.ml-serving-x7k2qd/predict"),
        ("api.ml", "api.ml-x7k2qd"),
        ("api.ml:9000,db.ml-serving.svc", "api.ml-x7k2qd:9000,db.ml-serving-x7k2qd.svc"),
        ("ml", "ml"),
        ("https://api.ml.example.com", "https://api.ml.example.com"),
        ("train the ml model", "train the ml model"),
        ("api.ml-other", "api.ml-other"),
        ("api.ml.svclike", "api.ml.svclike"),
        ("/ml/models", "/ml/models"),
    ],
)
def test_addresses_in_what_a_container_reads(text: str, mapped: str) -> None:
    env = [{"name": "URL", "value": text}]
    container = {"name": "c", "image": "example.com/api.ml", "env": env, "args": [text]}
    pod: dict[str, Any] = {"kind": "Pod", "metadata": {}, "spec": {"containers": [container]}}
    found = NAMES.object_to_real(pod)["spec"]["containers"][0]
    assert found["env"][0]["value"] == mapped
    assert found["args"] == [mapped]
    assert found["image"] == "example.com/api.ml"
    config = {"kind": "ConfigMap", "metadata": {}, "data": {"url": text}}
    assert NAMES.object_to_real(config)["data"]["url"] == mapped
    assert NAMES.back(NAMES.object_to_real(config)) == config


def test_backwards_in_every_string_longest_name_first() -> None:
    value = {
        "message": 'pods "a" is forbidden in namespace "ml-serving-x7k2qd"',
        "ml-x7k2qd": ["ml-x7k2qd/a", 3, None],
    }
    assert NAMES.back(value) == {
        "message": 'pods "a" is forbidden in namespace "ml-serving"',
        "ml": ["ml/a", 3, None],
    }
