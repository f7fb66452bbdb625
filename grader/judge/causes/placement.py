"""Pods without a node, or without a volume: what the scheduler and the volumes wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grader.judge.causes.cause import Cause, Word
from grader.judge.causes.containers import has_begun
from grader.judge.causes.scene import Scene, namespace_of, title
from grader.judge.language.state import condition
from grader.model.recording import Object

_CLAIM = re.compile(
    r"persistentvolumeclaim|volume node affinity|persistent volumes? to bind", re.IGNORECASE
)
_FIELDS = (
    ("Insufficient", "spec.containers[*].resources.requests"),
    ("untolerated taint", "spec.tolerations"),
    ("node affinity/selector", "spec.nodeSelector"),
    ("topology spread", "spec.topologySpreadConstraints"),
    ("anti-affinity", "spec.affinity.podAntiAffinity"),
    ("pod affinity", "spec.affinity.podAffinity"),
    ("unschedulable", "spec.nodeName"),
)


def unscheduled(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod that the scheduler found no node for."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled is None:
        yield from _unprovisioned(scene, pod)
    if scheduled is None or scheduled.get("status") != "False":
        return
    said = str(scheduled.get("message") or "")
    name = pod["metadata"]["name"]
    waits = bool(_CLAIM.search(said))
    word: Word = "claim" if waits else "scheduling"
    facts = scene.facts(pod, "FailedScheduling")
    yield Cause(
        word=word,
        about=title(pod),
        namespace=namespace_of(pod),
        field="spec.volumes" if waits else _fields(said),
        what=f"Pod {name} is Pending, the scheduler says",
        said=f"{said}{_claims(scene, pod) if waits else ''}",
        source="event FailedScheduling" if facts else "condition PodScheduled",
        at=facts[0].at if facts else scene.since_condition(pod, "PodScheduled"),
    )


def _unprovisioned(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod whose node is chosen, without a word in it: nobody can make its volume there."""
    for claim in _unbound(scene, pod):
        for fact in scene.facts(claim, "ProvisioningFailed")[-1:]:
            yield Cause(
                word="claim",
                about=title(pod),
                namespace=namespace_of(pod),
                field="spec.volumes",
                what=f"Pod {pod['metadata']['name']} waits for {title(claim)}, which is not bound",
                said=fact.message,
                source=f"event {fact.reason}",
                at=fact.at,
            )


def _unbound(scene: Scene, pod: Object) -> list[Object]:
    """The Pod's claims that are there and not bound."""
    wanted = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in (pod.get("spec") or {}).get("volumes") or []
    }
    return [
        claim
        for claim in scene.in_namespace("PersistentVolumeClaim", namespace_of(pod))
        if claim["metadata"]["name"] in wanted
        and (claim.get("status") or {}).get("phase") != "Bound"
    ]


def _fields(said: str) -> str:
    """The fields that the scheduler's words point at, in the order of its words."""
    found = [(said.find(text), field) for text, field in _FIELDS if text in said]
    return ", ".join(field for _, field in sorted(found)) or "spec"


def _claims(scene: Scene, pod: Object) -> str:
    """What the volume controllers say of the Pod's claims that are not bound."""
    words = []
    for claim in _unbound(scene, pod):
        phase = (claim.get("status") or {}).get("phase")
        facts = scene.facts(claim, "ProvisioningFailed", "FailedBinding")
        said = f": {facts[-1].message}" if facts else ""
        words.append(f"; {title(claim)} is {phase or 'Pending'}{said}")
    return "".join(words)


def unmounted(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod whose volumes cannot be mounted: an object is missing, or a claim is."""
    if has_begun(pod):
        return  # a kubelet may need a second attempt, and then its first one explains nothing
    for fact in scene.facts(pod, "FailedMount", "FailedAttachVolume")[:1]:
        missing = re.search(r"(configmap|secret)s? ", fact.message)
        word: Word = "configuration" if missing else "claim"
        yield Cause(
            word=word,
            about=title(pod),
            namespace=namespace_of(pod),
            field="spec.volumes",
            what=f"Pod {pod['metadata']['name']} waits for a volume",
            said=fact.message,
            source=f"event {fact.reason}",
            at=fact.at,
        )
