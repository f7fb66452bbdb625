"""Controllers that have not answered at all: a fault of the cluster, never of the submission.

Silence proves something only where the one who is silent has looked. A Deployment whose controller
has not seen its latest generation, or a Pod about which the scheduler has said nothing, is waiting
for a component that is slow or dead; to call that "nothing happens" would be a wrong verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grader.model.recording import Object
from grader.observe.counts import miscounted
from grader.observe.recorder import State
from grader.observe.room import fits

SELECTED = "volume.kubernetes.io/selected-node"
"""Annotation by which the scheduler asks for a volume on the node that it has chosen."""
_OBSERVED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")


def unheard(state: State, simulated: bool, volumes: frozenset[str] = frozenset()) -> str:
    """Which component has not yet looked at something, in words; empty if all have.

    `volumes` are those that are there, kept for claims of this run.
    """
    for kind in _OBSERVED:
        for found in state.get(kind, {}).values():
            if not _going(found) and _behind(found):
                return f"the controller of {_name(found)}"
    for job in state.get("Job", {}).values():
        if not _going(job) and _not_begun(job):
            return f"the controller of {_name(job)}"
    for scaler in state.get("HorizontalPodAutoscaler", {}).values():
        if not _going(scaler) and not (scaler.get("status") or {}).get("conditions"):
            return f"the controller of {_name(scaler)}"
    for pod in state.get("Pod", {}).values():
        if not _going(pod) and (silent := _silent_about(pod, state, simulated)):
            return silent
    claims = _without_a_word(state, volumes)
    return next(claims, "") or next(_without_slices(state), "") or miscounted(state)


def _behind(found: Object) -> bool:
    seen = (found.get("status") or {}).get("observedGeneration", 0)
    return bool(seen < found["metadata"].get("generation", 1))


def _not_begun(job: Object) -> bool:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    if spec.get("suspend") or spec.get("managedBy", "kubernetes.io/job-controller") != (
        "kubernetes.io/job-controller"
    ):
        return False
    return not status.get("startTime") and not status.get("conditions")


def _silent_about(pod: Object, state: State, simulated: bool) -> str:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    node = spec.get("nodeName")
    if not node:
        ours = spec.get("schedulerName", "default-scheduler") == "default-scheduler"
        heard = any(c.get("type") == "PodScheduled" for c in status.get("conditions") or [])
        if heard and ours and simulated and _could_move_in(pod, state):
            return f"the scheduler, about {_name(pod)}, for which there is room on its node"
        if heard or not ours or spec.get("schedulingGates"):
            return ""
        return _about_claims(pod, state) if _has_a_place(pod, state) else "the scheduler"
    known = simulated and any(key[1] == node for key in state.get("Node", {}))
    told = status.get("containerStatuses") or status.get("initContainerStatuses")
    return f"the kubelet of {node}" if known and not told and not status.get("reason") else ""


def _could_move_in(pod: Object, state: State) -> bool:
    """Whether the node for which the scheduler has made room has it now: it owes another look."""
    name = str((pod.get("status") or {}).get("nominatedNodeName") or "")
    node = state.get("Node", {}).get(("", name)) or {}
    if not node or (node.get("spec") or {}).get("unschedulable"):
        return False
    others = [
        found
        for found in state.get("Pod", {}).values()
        if (found.get("spec") or {}).get("nodeName") == name
        and (found.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    return fits(node, pod, others)


def _claims_of(pod: Object, state: State) -> list[Object]:
    names = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in (pod.get("spec") or {}).get("volumes") or []
    }
    space, claims = pod["metadata"].get("namespace"), state.get("PersistentVolumeClaim", {})
    return [claim for key, claim in claims.items() if key[0] == space and key[1] in names]


def _has_a_place(pod: Object, state: State) -> bool:
    """The scheduler has chosen a node and waits there for a volume, without a word in the Pod."""
    return any(SELECTED in _annotations(claim) for claim in _claims_of(pod, state))


def _about_claims(pod: Object, state: State) -> str:
    """The provisioner, as long as it has neither made the chosen volume nor said why not."""
    refused = {
        (event.get("involvedObject") or {}).get("uid")
        for event in state.get("Event", {}).values()
        if event.get("reason") == "ProvisioningFailed"
    }
    for claim in _claims_of(pod, state):
        bound = (claim.get("status") or {}).get("phase") == "Bound"
        if SELECTED in _annotations(claim) and not bound:
            silent = claim["metadata"].get("uid") not in refused
            return f"the provisioner of {_name(claim)}" if silent else ""
    return "the scheduler"


def _without_a_word(state: State, volumes: frozenset[str]) -> Iterator[str]:
    """Claims that are neither bound nor told why not: the volume controller will try again.

    One that names its volume waits for it without a word, but not if it is there.
    """
    told = {
        (event.get("involvedObject") or {}).get("uid") for event in state.get("Event", {}).values()
    }
    for claim in state.get("PersistentVolumeClaim", {}).values():
        open_ = (claim.get("status") or {}).get("phase") in (None, "Pending")
        named = (claim.get("spec") or {}).get("volumeName")
        waits = named and named not in volumes
        if open_ and not waits and not _going(claim) and claim["metadata"].get("uid") not in told:
            yield f"the volume controller, about {_name(claim)}"


def _without_slices(state: State) -> Iterator[str]:
    served = {
        (piece["metadata"].get("namespace"), _labels(piece).get("kubernetes.io/service-name"))
        for piece in state.get("EndpointSlice", {}).values()
    }
    for (namespace, name), service in state.get("Service", {}).items():
        spec = service.get("spec") or {}
        if spec.get("type") == "ExternalName":
            continue  # it never has endpoints
        if spec.get("selector") and (namespace, name) not in served:
            yield f"the endpoints controller, about Service/{name}"


def _annotations(found: Object) -> dict[str, Any]:
    return found["metadata"].get("annotations") or {}


def _labels(found: Object) -> dict[str, Any]:
    return found["metadata"].get("labels") or {}


def _going(found: Object) -> bool:
    return bool(found["metadata"].get("deletionTimestamp"))


def _name(found: Object) -> str:
    return f"{found.get('kind')}/{found['metadata']['name']}"
