"""Counts that a controller has not brought up to date: it is late, so silence proves nothing.

A ReplicaSet counts its Pods, a Deployment its ReplicaSets, a quota what its namespace uses, and the
endpoints of a Service are the ready Pods that it selects. Nothing in a submission can make these
sums wrong for long; a busy machine can. Which Pods count is as in Kubernetes: `calculateStatus` of
the ReplicaSet and of the Deployment controller, the endpoint slice controller for Services, and
`QuotaV1Pod` of the quota's evaluator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.quantity import number
from grader.model.recording import Object
from grader.observe.isolation import QUOTA
from grader.observe.recorder import State

Json = dict[str, Any]


def is_ready(pod: Object) -> bool:
    """Condition Ready, and not being deleted."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def is_over(pod: Object) -> bool:
    """Succeeded or Failed."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def owners(obj: Object) -> list[str]:
    """uids of all owners."""
    return [str(r.get("uid")) for r in obj["metadata"].get("ownerReferences") or []]


def miscounted(state: State) -> str:
    """Which controller has yet to count, in words; empty if all sums are right."""
    below = by_owner(state)
    return next(_sums(state, below), "")


def _sums(state: State, below: dict[str, list[Object]]) -> Iterator[str]:
    for found in state.get("ReplicaSet", {}).values():
        pods = [one for one in below.get(_uid(found), []) if one["kind"] == "Pod"]
        active = [pod for pod in pods if _counts(pod)]
        ready = sum(1 for pod in active if is_ready(pod))
        if not _going(found) and (len(active), ready) != (
            _said(found, "replicas"),
            _said(found, "readyReplicas"),
        ):
            yield f"the controller of ReplicaSet/{found['metadata']['name']}, about its Pods"
    for found in state.get("Deployment", {}).values():
        sets = [one for one in below.get(_uid(found), []) if one["kind"] == "ReplicaSet"]
        for field in ("replicas", "readyReplicas"):
            if not _going(found) and _said(found, field) != sum(_said(one, field) for one in sets):
                yield f"the controller of Deployment/{found['metadata']['name']}, about its Pods"
    for quota, _, _ in quotas_behind(state):
        yield f"the quota controller, about ResourceQuota/{quota['metadata']['name']}"
    for service, _, _ in endpoints_behind(state):
        yield f"the endpoints controller, about the Pods of Service/{service['metadata']['name']}"


def quotas_behind(state: State) -> Iterator[tuple[Object, int, int]]:
    """Quotas that count another number of Pods than there are, with both numbers.

    Admission counts each Pod in; the controller, which counts anew from a list that may be behind,
    can take it out again. Quotas for some Pods only (with scopes) are not looked at.
    """
    for (space, name), quota in state.get("ResourceQuota", {}).items():
        spec, used = quota.get("spec") or {}, (quota.get("status") or {}).get("used") or {}
        if name == QUOTA or spec.get("scopes") or spec.get("scopeSelector"):
            continue
        pods = [pod for key, pod in state.get("Pod", {}).items() if key[0] == space]
        if any(_going(pod) for pod in pods):
            continue  # it counts until its grace is over, whether it has gone or not
        numbers = {"pods": sum(not is_over(pod) for pod in pods), "count/pods": len(pods)}
        for line, there in numbers.items():
            if line in used and (counted := int(number(used[line]))) != there:
                yield quota, counted, there
                break


def endpoints_behind(state: State) -> Iterator[tuple[Object, int, int]]:
    """Services whose ready endpoints are not the ready Pods that they select, with both numbers."""
    slices: dict[tuple[str, str], list[Object]] = {}
    for piece in state.get("EndpointSlice", {}).values():
        labels = piece["metadata"].get("labels") or {}
        name = str(labels.get("kubernetes.io/service-name") or "")
        slices.setdefault((piece["metadata"]["namespace"], name), []).append(piece)
    for key, service in state.get("Service", {}).items():
        spec = service.get("spec") or {}
        if not spec.get("selector") or spec.get("type") == "ExternalName":
            continue  # it never has endpoints
        if spec.get("publishNotReadyAddresses"):
            continue
        wanted = _selected(state, key[0], spec["selector"])
        found = _ready_addresses(slices.get(key, []))
        if wanted != found or not slices.get(key):
            yield service, len(found), len(wanted)


def _selected(state: State, namespace: str, selector: Json) -> set[str]:
    return {
        _uid(pod)
        for (space, _), pod in state.get("Pod", {}).items()
        if space == namespace
        and is_ready(pod)
        and not is_over(pod)
        and selector.items() <= (pod["metadata"].get("labels") or {}).items()
    }


def _ready_addresses(slices: list[Object]) -> set[str]:
    """uids of the Pods behind the ready endpoints of some EndpointSlices."""
    found = set()
    for piece in slices:
        for endpoint in piece.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                found.add(str((endpoint.get("targetRef") or {}).get("uid")))
    return found


def _counts(pod: Object) -> bool:
    return not is_over(pod) and not _going(pod)


def by_owner(state: State) -> dict[str, list[Object]]:
    """Pods and ReplicaSets by the uid of each of their owners."""
    below: dict[str, list[Object]] = {}
    for kind in ("Pod", "ReplicaSet"):
        for found in state.get(kind, {}).values():
            for owner in owners(found):
                below.setdefault(owner, []).append(found)
    return below


def _said(found: Object, field: str) -> int:
    return int((found.get("status") or {}).get(field) or 0)


def _uid(found: Object) -> str:
    return str(found["metadata"].get("uid") or "")


def _going(found: Object) -> bool:
    return bool(found["metadata"].get("deletionTimestamp"))
