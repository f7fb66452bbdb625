"""Pods and Jobs that were ended from outside: eviction, a lost node, a deadline."""

from __future__ import annotations

from collections.abc import Iterator

from grader.judge.causes.cause import Cause, Word
from grader.judge.causes.scene import Scene, namespace_of, title
from grader.judge.language.state import condition
from grader.model.recording import Object

_REASONS: dict[str, tuple[Word, str]] = {
    "Evicted": ("eviction", "spec.containers[*].resources.requests"),
    "NodeLost": ("eviction", "spec.nodeName"),
    "NodeShutdown": ("eviction", "spec.nodeName"),
    "Terminated": ("eviction", "spec.nodeName"),
    "DeadlineExceeded": ("deadline", "spec.activeDeadlineSeconds"),
}


def ended_pod(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod that a node, an eviction or its own deadline ended."""
    status = pod.get("status") or {}
    reason = str(status.get("reason") or "")
    disrupted = condition(pod, "DisruptionTarget")
    if status.get("phase") == "Failed" and reason in _REASONS:
        word, field = _REASONS[reason]
        said, source = str(status.get("message") or reason), f"reason {reason}"
        at = scene.since(pod, lambda seen: (seen.get("status") or {}).get("reason") == reason)
    elif disrupted and disrupted.get("status") == "True":
        word, field = "eviction", "spec.nodeName"
        said, source = str(disrupted.get("message") or ""), "condition DisruptionTarget"
        at = scene.since_condition(pod, "DisruptionTarget", "True")
    else:
        return
    verb = "was ended by its deadline" if word == "deadline" else "was evicted"
    what = f"Pod {pod['metadata']['name']} {verb}"
    yield Cause(word, title(pod), namespace_of(pod), field, what, said, source, at)


def on_lost_node(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod on a node that does not answer, or is under pressure."""
    node_name = str((pod.get("spec") or {}).get("nodeName") or "")
    node = scene.state.object("Node", node_name) if node_name else None
    if node is None:
        return
    for kind, bad in (("Ready", "False"), ("Ready", "Unknown"), ("MemoryPressure", "True")):
        found = condition(node, kind)
        if found and found.get("status") == bad:
            what = f"Node {node_name} of Pod {pod['metadata']['name']} has {kind} {bad}"
            said = str(found.get("message") or found.get("reason") or "")
            at = scene.since_condition(node, kind, bad)
            yield Cause(
                "eviction",
                title(node),
                "",
                f"status.conditions[{kind}]",
                what,
                said,
                f"condition {kind}",
                at,
            )


def failed_job(scene: Scene, job: Object) -> Iterator[Cause]:
    """A Job that failed by its deadline. One that used up its retries failed by its Pods."""
    failed = condition(job, "Failed")
    if job["kind"] != "Job" or failed is None or failed.get("status") != "True":
        return
    name = job["metadata"]["name"]
    said = str(failed.get("message") or failed.get("reason") or "")
    at = scene.since_condition(job, "Failed", "True")
    source = "condition Failed"
    place = (title(job), namespace_of(job))
    if failed.get("reason") == "DeadlineExceeded":
        what = f"Job {name} was ended by its deadline"
        field = "spec.activeDeadlineSeconds"
        yield Cause("deadline", *place, field, what, said, source, at)
    elif failed.get("reason") == "PodFailurePolicy":
        what = f"Job {name} was ended by its podFailurePolicy"
        yield Cause("crash", *place, "spec.podFailurePolicy", what, said, source, at)
    else:
        what = f"Job {name} has failed"
        yield Cause("crash", *place, "spec.backoffLimit", what, said, source, at)
