"""Waiting until the API server enforces the admission policies that it has accepted.

An accepted ValidatingAdmissionPolicy means nothing yet: the API server's admission learns of it
from a watch, and compiles what it knows about once a second. A request in between is admitted,
which would look like a policy that does not work. So a policy of the grader's own is created after
the others. All come by the same watch in order: once it refuses what it is made to refuse, the
others are in force as well.
"""

from __future__ import annotations

import time
from typing import Any

from grader.errors import MachineError
from grader.observe.identity import RUN_LABEL, probe_name_of
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage

Json = dict[str, Any]

POLICIES = frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"})
_API = "admissionregistration.k8s.io/v1"
_SECONDS = 20.0


def await_policies(stage: Stage) -> None:
    """Return once every policy that was there before is enforced. Raises MachineError."""
    name = probe_name_of(stage.isolation.run)
    namespace = stage.isolation.names.real[0]
    paths = []
    for value in _probe(name, namespace, stage.isolation.run):
        kind = KNOWN[value["kind"]]
        said = stage.api.call("POST", kind.path(), value)
        if not said.ok:
            raise MachineError(f"The API server took no policy of the grader's: {said.message}")
        paths.append(kind.path(name=name))
    try:
        _await_refusal(stage, name, namespace)
    finally:
        for path in reversed(paths):
            stage.api.call("DELETE", path)


def _await_refusal(stage: Stage, name: str, namespace: str) -> None:
    harmless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    path, until = KNOWN["ConfigMap"].path(namespace), time.monotonic() + _SECONDS
    while stage.api.call("POST", path, harmless, query={"dryRun": "All"}).ok:
        if time.monotonic() > until:
            raise MachineError("The API server did not begin to enforce admission policies.")
        time.sleep(0.05)


def _probe(name: str, namespace: str, run: str) -> list[Json]:
    """A policy that refuses one ConfigMap in one namespace, and its binding."""
    metadata = {"name": name, "labels": {RUN_LABEL: run}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
        "resourceNames": [name],
    }
    inside = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": inside},
            "validations": [{"expression": "false", "message": "not to be made"}],
        },
    }
    binding = {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, binding]
