"""Why a workload is unhealthy: the first cause, and what followed from it, in plain sentences.

Kubernetes scatters the reasons: a refusal in an answer, a scheduler's words in a Pod condition, an
image error in a container state, a probe's failure in an event. A learner asks which came first.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from grader.judge.language.expectation import shorten, show
from grader.judge.language.state import (
    History,
    State,
    condition,
    is_ready,
    is_terminating,
)
from grader.model.recording import Object
from grader.model.selectors import selects_by_map

MAX_CAUSES = 4
_IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


def causes(history: History, moment: int | None = None) -> list[str]:
    """The chain at `moment` (a resourceVersion; None: the end), first cause first, at most four."""
    state = history.at(moment)
    events = _Events(history, moment)
    found: list[str] = []
    for sentence in (
        *_refusals(history),
        *_never_created(state, events),
        *_pods(state, events),
        *_services(state),
        *_rollouts(state),
    ):
        if sentence not in found:
            found.append(shorten(sentence))
    return found[:MAX_CAUSES]


class _Events:
    """The newest event of each name up to a moment."""

    def __init__(self, history: History, moment: int | None) -> None:
        self._latest: dict[str, Object] = {}
        for change in history.changes:
            if moment is not None and change.version > moment:
                break
            if change.object["kind"] == "Event":
                self._latest[change.object["metadata"]["name"]] = change.object

    def message(self, kind: str, name: str, *reasons: str) -> str | None:
        """The last message about an object with one of these reasons."""
        messages = [
            str(event.get("message", ""))
            for event in self._latest.values()
            if event.get("reason") in reasons
            and (event.get("involvedObject") or {}).get("kind") == kind
            and fnmatchcase((event.get("involvedObject") or {}).get("name", ""), name)
        ]
        return messages[-1] if messages else None


def _refusals(history: History) -> Iterator[str]:
    for answer in history.recording.answers:
        if answer.verb == "apply" and not answer.ok:
            place = f" ({answer.place})" if answer.place else ""
            yield f"The API server refused {answer.target}{place}: {answer.message}"


def _never_created(state: State, events: _Events) -> Iterator[str]:
    for kind in ("ReplicaSet", "Job", "StatefulSet"):
        for found in state.objects(kind):
            name = found["metadata"]["name"]
            message = events.message(kind, name, "FailedCreate")
            wanted = (found.get("spec") or {}).get("replicas", 1)
            if message and wanted and not state.pods(f"{kind}/{name}"):
                yield f"{kind} {name} cannot create its Pods: {message}"


def _pods(state: State, events: _Events) -> Iterator[str]:
    for pod in state.pods():
        if is_terminating(pod) or is_ready(pod):
            continue
        name = pod["metadata"]["name"]
        status = pod.get("status") or {}
        if status.get("phase") == "Succeeded":
            continue
        scheduled = condition(pod, "PodScheduled")
        if scheduled and scheduled.get("status") == "False":
            yield f"Pod {name} is Pending, the scheduler says: {scheduled.get('message', '')}"
            continue
        container = list(_containers(name, status))
        yield from container
        if not container:
            yield from _probe(name, events)


def _containers(pod: str, status: Object) -> Iterator[str]:
    for entry in [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]:
        state = entry.get("state") or {}
        waiting = state.get("waiting") or {}
        reason = waiting.get("reason", "")
        last = (entry.get("lastState") or {}).get("terminated") or state.get("terminated") or {}
        name = entry.get("name")
        if reason in _IMAGE_REASONS:
            yield f"Container {name} of Pod {pod} has no image: {waiting.get('message') or reason}"
        elif last.get("reason") == "OOMKilled":
            yield f"Container {name} of Pod {pod} was killed for using more memory than its limit"
        elif reason == "CrashLoopBackOff" or last.get("exitCode"):
            code = last.get("exitCode")
            yield (
                f"Container {name} of Pod {pod} keeps ending (exit code {code},"
                f" {entry.get('restartCount', 0)} restarts)"
            )
        elif reason.startswith("CreateContainer"):
            why = waiting.get("message", reason)
            yield f"Container {name} of Pod {pod} cannot be created: {why}"


def _probe(pod: str, events: _Events) -> Iterator[str]:
    message = events.message("Pod", pod, "Unhealthy")
    if message:
        yield f"Pod {pod} runs but is not Ready: {message}"
        return
    mount = events.message("Pod", pod, "FailedMount")
    if mount:
        yield f"Pod {pod} waits for a volume: {mount}"


def _services(state: State) -> Iterator[str]:
    for service in state.objects("Service"):
        name = service["metadata"]["name"]
        selector = (service.get("spec") or {}).get("selector")
        if not selector or state.endpoints(name):
            continue
        selected = [
            pod for pod in state.pods() if selects_by_map(selector, pod["metadata"].get("labels"))
        ]
        if not selected:
            labels = [pod["metadata"].get("labels") or {} for pod in state.pods()]
            carried = "; Pods carry " + show(_shared(labels)) if labels else ""
            yield f"Service {name} selects {show(selector)}, which no Pod carries{carried}"
        else:
            count = len(selected)
            yield f"Service {name} has no endpoints because none of its {count} Pods is Ready"


def _rollouts(state: State) -> Iterator[str]:
    for found in state.objects("Deployment"):
        progress = condition(found, "Progressing")
        available = (found.get("status") or {}).get("readyReplicas", 0)
        wanted = (found.get("spec") or {}).get("replicas", 1)
        name = found["metadata"]["name"]
        if progress and progress.get("reason") == "ProgressDeadlineExceeded":
            yield f"Deployment {name}: the rollout made no progress before its deadline"
        elif available < wanted:
            yield f"Deployment {name} has {available} of {wanted} replicas Ready"


def _shared(labels: list[dict[str, str]]) -> dict[str, str]:
    common = set(labels[0].items()).intersection(*(set(entry.items()) for entry in labels))
    return {key: value for key, value in sorted(common) if not key.endswith("-hash")}
