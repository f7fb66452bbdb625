"""Which events are worth a mark, and what they mean to a reader."""

from __future__ import annotations

from grader.report.timeline.pods import Object, part
from grader.report.timeline.story import Happening, Tone

_TONES: dict[str, Tone] = {
    "Killing": "stop",
    "Preempted": "stop",
    "Preempting": "stop",
    "Evicted": "stop",
    "TaintManagerEviction": "stop",
    "SuccessfulRescale": "scale",
    "ScalingReplicaSet": "scale",
    "FailedScheduling": "wait",
    "FailedMount": "wait",
    "ProvisioningFailed": "wait",
    "NetworkNotReady": "wait",
    "Unhealthy": "trouble",
    "BackOff": "trouble",
    "OOMKilling": "trouble",
    "ProbeWarning": "trouble",
    "BackoffLimitExceeded": "trouble",
    "DeadlineExceeded": "trouble",
    "ProgressDeadlineExceeded": "trouble",
    "InvalidImageName": "trouble",
    "ErrImageNeverPull": "trouble",
}


def happening(event: Object, at: float) -> Happening | None:
    """The mark of an event, None where it is everyday business."""
    reason = str(event.get("reason") or "")
    tone = _TONES.get(reason)
    if tone is None and (reason.startswith("Failed") or reason.endswith("Failed")):
        tone = "trouble"
    if tone is None:
        return None
    message = " ".join(str(event.get("message") or event.get("note") or "").split())
    if reason == "Unhealthy" and message.startswith("Readiness probe"):
        tone = "miss"  # everyday business of a server that loads, and evidence where it never ends
    about = part(event, "involvedObject") or part(event, "regarding")
    ref = f"{about.get('kind') or '?'}/{about.get('name') or '?'}"
    return Happening(at, ref, reason, message, tone)
