"""A pool of clusters: each use finds one that holds nothing of an earlier use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cluster.api import MERGE, Api
from cluster.embedded import ClusterPool, EmbeddedProvider
from cluster.model import ClusterSpec, NodeSpec, ServerModel

from .helpers import api_of

pytestmark = pytest.mark.embedded

NODES = (NodeSpec(name="one", gpus=1), NodeSpec(name="two"))
Json = dict[str, object]


@pytest.fixture(scope="module")
def pool(embedded_home: None) -> Iterator[ClusterPool]:
    with ClusterPool(size=1, spec=ClusterSpec(nodes=NODES)) as made:
        yield made


def config_map(name: str, namespace: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
    }


def use_it_up(api: Api) -> None:
    """Leave what a lab with cluster-scoped objects may leave."""
    api.call("PATCH", "/api/v1/nodes/one", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    api.call("PATCH", "/api/v1/nodes/two", {"spec": {"unschedulable": True}}, MERGE)
    api.call("POST", "/api/v1/namespaces/default/configmaps", config_map("left", "default"))
    priority = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "urgent"},
        "value": 1000,
        "globalDefault": True,
    }
    api.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", priority)


def test_a_used_cluster_comes_back_as_new(pool: ClusterPool) -> None:
    with pool.take() as first, api_of(first.name) as api:
        use_it_up(api)
    with pool.take() as second, api_of(second.name) as api:
        assert second.name == first.name
        assert second.nodes == ("one", "two")
        assert not api.items("/api/v1/namespaces/default/events")
        assert [
            m["metadata"]["name"] for m in api.items("/api/v1/namespaces/default/configmaps")
        ] == ["kube-root-ca.crt"]
        nodes = {node["metadata"]["name"]: node for node in api.items("/api/v1/nodes")}
        assert "a" not in nodes["one"]["metadata"]["labels"]
        assert nodes["one"]["status"]["allocatable"]["nvidia.com/gpu"] == "1"
        assert not nodes["two"]["spec"].get("unschedulable")
        assert api.get("/apis/scheduling.k8s.io/v1/priorityclasses/urgent") is None


def change_a_role(api: Api) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
    api.call("PATCH", path, {"metadata": {"labels": {"changed": "yes"}}}, MERGE)


def leave_a_namespace(api: Api) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "left"}}
    api.call("POST", "/api/v1/namespaces", namespace)


def leave_what_refuses_to_go(api: Api) -> None:
    stuck = config_map("stuck", "default")
    stuck["metadata"] = {**stuck["metadata"], "finalizers": ["example.com/never"]}  # type: ignore[dict-item]
    api.call("POST", "/api/v1/namespaces/default/configmaps", stuck)


@pytest.mark.parametrize("spoil", [change_a_role, leave_a_namespace, leave_what_refuses_to_go])
def test_one_that_cannot_be_proven_as_new_is_not_given_out_again(
    pool: ClusterPool, spoil: Callable[[Api], None]
) -> None:
    with pool.take() as first, api_of(first.name) as api:
        spoil(api)
    assert first.name not in EmbeddedProvider().names()
    with pool.take() as second:
        assert second.name != first.name


def test_each_taker_has_a_cluster_of_its_own(pool: ClusterPool) -> None:
    other = ClusterSpec(nodes=(NodeSpec(name="other"),), servers=(ServerModel(image="x"),))
    with pool.take() as first:
        assert first.nodes == ("one", "two")
        with pool.take(other) as second:
            assert second.nodes == ("other",)
            assert second.name != first.name


def test_nothing_is_left_of_a_pool(embedded_home: None) -> None:
    before = set(EmbeddedProvider().names())
    with ClusterPool(size=1, spec=ClusterSpec(nodes=NODES)) as pool, pool.take() as status:
        assert status.name not in before
    assert set(EmbeddedProvider().names()) == before
