from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from grader.observe.isolation import ENFORCE, Isolation, clean_up, plan, prepare
from grader.observe.kinds import KNOWN
from grader.observe.session import Session
from tests.integration.observe.workload import container, lab_with

pytestmark = pytest.mark.embedded


@pytest.fixture
def isolation(session: Session) -> Iterator[Isolation]:
    kinds = ("Namespace", "Pod", "ServiceAccount", "Role", "RoleBinding", "ConfigMap")
    place = plan(lab_with("apply", kinds=kinds), session.kinds, frozenset())
    prepare(session.api, place)
    yield place
    clean_up(session.api, place)


def code(session: Session, isolation: Isolation, method: str, path: str, body: Any = None) -> int:
    return session.api.call(method, path, body, user=isolation.user).code


def test_the_submissions_identity_is_really_limited(session: Session, isolation: Isolation) -> None:
    own = isolation.names.real[0]

    def tries(method: str, path: str, body: Any = None) -> int:
        return code(session, isolation, method, path, body)

    config = {"metadata": {"name": "a"}}
    assert tries("POST", f"/api/v1/namespaces/{own}/configmaps", config) == 201
    assert tries("POST", "/api/v1/namespaces/default/configmaps", config) == 403
    assert tries("GET", "/api/v1/namespaces/kube-system/secrets") == 403
    secrets = f"/api/v1/namespaces/{own}/secrets"
    assert tries("GET", secrets) == 200, "who writes Roles holds what roles usually hand out"
    assert tries("POST", secrets, config) == 403, "a kind it may not have"
    assert tries("DELETE", f"/api/v1/namespaces/{own}/resourcequotas") == 403
    assert tries("GET", "/api/v1/pods") == 403
    assert tries("POST", "/api/v1/namespaces", {"metadata": {"name": "mine"}}) == 403
    assert tries("DELETE", f"/api/v1/namespaces/{own}") == 403
    assert tries("DELETE", f"/api/v1/namespaces/{own}/resourcequotas/mlk8s-limits") == 403
    assert tries("PATCH", "/api/v1/nodes/gpu-worker") == 403
    group = KNOWN["Role"].group
    binding = {
        "metadata": {"name": "root"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "apiGroup": group, "name": isolation.user}],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    assert tries("POST", f"{rbac}/clusterrolebindings", binding) == 403
    assert tries("POST", f"{rbac}/namespaces/{own}/rolebindings", binding) == 403
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role = {"metadata": {"name": "root"}, "rules": rules}
    assert tries("POST", f"{rbac}/namespaces/{own}/roles", role) == 403


def test_pods_are_held_to_the_baseline(session: Session, isolation: Isolation) -> None:
    own = isolation.names.real[0]
    pods = f"/api/v1/namespaces/{own}/pods"

    def pod(**spec: Any) -> dict[str, Any]:
        return {"metadata": {"name": "a"}, "spec": {"containers": [container()], **spec}}

    for spec in (
        {"hostNetwork": True},
        {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
        {"containers": [container(securityContext={"privileged": True})]},
    ):
        answer = session.api.call("POST", pods, pod(**spec), user=isolation.user)
        assert answer.code == 403
        assert "PodSecurity" in answer.message
    labels = session.api.get(f"/api/v1/namespaces/{own}").body["metadata"]["labels"]
    assert labels[ENFORCE] == "baseline"
