"""The identity under which a submission acts, and the RBAC that really limits it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Any

from grader.errors import MachineError
from grader.observe.client import Api, ApiAnswer
from grader.observe.kinds import KNOWN, Kind

Json = dict[str, Any]

RBAC = "rbac.authorization.k8s.io/v1"
RUN_LABEL = "mlk8s.dev/run"

_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]
"""Written out: `*` would include `impersonate` on accounts and `escalate` on roles."""

_READ = ["get", "list", "watch"]
_TO_HAND_OUT: list[Json] = [
    {
        "apiGroups": [""],
        "resources": ["pods", "pods/log", "services", "endpoints", "events", "configmaps"],
        "verbs": _READ,
    },
    {"apiGroups": [""], "resources": ["secrets", "serviceaccounts"], "verbs": _READ},
    {"apiGroups": [""], "resources": ["pods/exec", "pods/portforward"], "verbs": ["create"]},
    {
        "apiGroups": ["apps"],
        "resources": [
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "statefulsets",
        ],
        "verbs": _VERBS,
    },
    {"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": _VERBS},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": _VERBS},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": _READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
]
"""What roles for people and pipelines usually hold. The API server lets nobody write a Role that
allows more than the writer may do himself, so who may write Roles holds these in his namespaces."""

_NO_CREATE = ["get", "patch"]
_CREATED_BY_US = ("Namespace", "Node")


def user_of(run: str) -> str:
    """The user that the API server sees when a submission acts."""
    return f"mlk8s:submission:{run}"


def name_of(run: str) -> str:
    """Name of the run's Roles and bindings."""
    return f"mlk8s-submission-{run}"


def probe_name_of(run: str) -> str:
    """How the names of the passing grants begin by which the authorizer's cache is read."""
    return f"mlk8s-probe-{run}"


def role_rules(kinds: Iterable[Kind]) -> list[Json]:
    """What the identity may do in one of its namespaces, that Namespace itself included."""
    rules = []
    for kind in kinds:
        if kind.name == "Role":
            rules += _TO_HAND_OUT
        if kind.namespaced:
            rules.append(_rule(kind, _VERBS))
        elif kind.name == "Namespace":
            rules.append(_rule(kind, _NO_CREATE))
    return rules


def cluster_rules(kinds: Iterable[Kind]) -> list[Json]:
    """What it may do beyond namespaces: only with kinds that the lab allows by name."""
    return [
        _rule(kind, _NO_CREATE if kind.name in _CREATED_BY_US else _VERBS)
        for kind in kinds
        if not kind.namespaced and kind.name != "Namespace"
    ]


def _rule(kind: Kind, verbs: list[str]) -> Json:
    return {"apiGroups": [kind.group], "resources": [kind.plural], "verbs": verbs}


def grants(run: str, kinds: tuple[Kind, ...], namespaces: tuple[str, ...]) -> list[Json]:
    """The Roles and bindings to create, as manifests."""
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user_of(run)}
    objects: list[Json] = []
    for namespace in namespaces:
        objects += _pair("Role", run, role_rules(kinds), subject, namespace)
    if wide := cluster_rules(kinds):
        objects += _pair("ClusterRole", run, wide, subject, "")
    return objects


def _pair(
    kind: str, run: str, rules: list[Json], subject: Json, namespace: str, name: str = ""
) -> list[Json]:
    name = name or name_of(run)
    metadata: Json = {"name": name, "labels": {RUN_LABEL: run}}
    if namespace:
        metadata["namespace"] = namespace
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    return [
        {"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": RBAC,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


def await_grants(
    api: Api, run: str, kinds: tuple[Kind, ...], namespaces: tuple[str, ...], seconds: float = 15.0
) -> None:
    """Wait until the API server's authorizer knows the bindings, which it caches."""
    inside = next((kind for kind in kinds if kind.namespaced), None)
    beyond = next(
        (kind for kind in kinds if not kind.namespaced and kind.name != "Namespace"), None
    )
    asked = [(inside, namespace) for namespace in namespaces if inside] + [(beyond, "")]
    until = time.monotonic() + seconds
    for kind, namespace in asked:
        while kind is not None and not _may_patch(api, run, kind, namespace):
            if time.monotonic() > until:
                raise MachineError("The cluster did not take the submission's permissions in.")
            time.sleep(0.005)


def _may_patch(api: Api, run: str, kind: Kind, namespace: str) -> bool:
    attributes: Json = {"verb": "patch", "group": kind.group, "resource": kind.plural, "name": "x"}
    if namespace:
        attributes["namespace"] = namespace
    subject = {"user": user_of(run), "groups": ["system:authenticated"]}
    return _allowed(review(api, {**subject, "resourceAttributes": attributes}))


def review(api: Api, spec: Json) -> ApiAnswer:
    """Ask the authorizer; `spec` is that of a SubjectAccessReview."""
    version = "authorization.k8s.io/v1"
    body = {"apiVersion": version, "kind": "SubjectAccessReview", "spec": spec}
    return api.call("POST", f"/apis/{version}/subjectaccessreviews", body)


def _allowed(answer: ApiAnswer) -> bool:
    return bool((answer.body.get("status") or {}).get("allowed"))


_PROBE = {"apiGroups": ["mlk8s.dev"], "resources": ["probes"], "verbs": ["get"]}
"""A permission for something that does not exist, asked of the authorizer as a sign of time."""


def await_all_grants(
    api: Api, run: str, namespaces: tuple[str, ...], wide: bool, seconds: float = 15.0
) -> None:
    """Wait until the authorizer knows every Role and binding that is there now.

    It learns of them in the order in which they were written. So a grant is written last, of a
    permission that serves nothing, and once that is known, so is all before it. With `wide`, also
    those outside of namespaces.
    """
    # A name of its own each time: the deletion of an earlier one may not be known yet.
    name = f"{probe_name_of(run)}-{secrets.token_hex(3)}"
    until = time.monotonic() + seconds
    places = [("Role", namespace) for namespace in namespaces]
    places += [("ClusterRole", "")] if wide else []
    for kind, namespace in places:
        subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}
        paths = []
        for grant in _pair(kind, run, [_PROBE], subject, namespace, name):
            path = KNOWN[grant["kind"]].path(namespace)
            api.call("POST", path, grant)
            paths.append(f"{path}/{name}")
        attributes = {"verb": "get", "group": "mlk8s.dev", "resource": "probes"}
        spec = {"user": name, "resourceAttributes": {**attributes, "namespace": namespace}}
        while not _allowed(review(api, spec)):
            if time.monotonic() > until:
                raise MachineError("The cluster's authorizer did not take in the latest grants.")
            time.sleep(0.005)
        for path in reversed(paths):
            api.call("DELETE", path)
