"""Containers that do not start, or do not stay: image, configuration, memory, crash, probe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grader.judge.causes.cause import Cause, Word
from grader.judge.causes.scene import Fact, Scene, namespace_of, title
from grader.model.recording import Object

_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_BY_PROBE = re.compile(r"failed (liveness|startup) probe")


def not_started(scene: Scene, pod: Object) -> Iterator[Cause]:
    """Containers that wait for an image or for their environment."""
    for entry, init in _entries(pod):
        waiting = (entry.get("state") or {}).get("waiting") or {}
        reason, name = str(waiting.get("reason") or ""), str(entry["name"])
        if reason in _IMAGE:
            facts = _about(scene.facts(pod, "Failed", "InspectFailed", *_IMAGE), name)
            says = next((f for f in facts if not f.message.startswith("Error:")), None)
            said = says.message if says else str(waiting.get("message") or reason)
            yield _cause(
                scene, pod, "image", name, init, "image", "has no image", said, says, reason
            )
        elif reason.startswith("CreateContainer"):
            facts = _about(scene.facts(pod, "Failed"), name)
            says = facts[0] if facts else None
            said = str(waiting.get("message") or reason)
            what = "cannot be created"
            yield _cause(scene, pod, "configuration", name, init, "env", what, said, says, reason)


def init_failed(scene: Scene, pod: Object) -> Iterator[Cause]:
    """Init containers that ended with an error, so that the others never began."""
    for entry, init in _entries(pod):
        ended = _ended(entry)
        if not init or not ended or not ended.get("exitCode") or _runs(entry):
            continue
        name, code = str(entry["name"]), ended["exitCode"]
        if ended.get("reason") == "OOMKilled":
            continue
        what = f"ends with exit code {code}, so the Pod's containers do not begin"
        yield _cause(
            scene, pod, "init-container", name, init, "", what, _last_line(scene, pod, name), None
        )


def ended(scene: Scene, pod: Object, restarted: bool = False) -> Iterator[Cause]:
    """Containers that were killed or crashed.

    With `restarted`, only those that a limit or a probe ended, in Pods that are Ready again: a
    server may come up at its second attempt without harm.
    """
    for entry, init in _entries(pod):
        last, name = _ended(entry), str(entry["name"])
        if last is None:
            continue
        count = entry.get("restartCount", 0)
        times = f"restarted {count} times" if count != 1 else "restarted once"
        if last.get("reason") == "OOMKilled":
            limit = _limit(pod, name)
            what = f"was killed for using more memory than it may have ({limit}; {times})"
            said = f"OOMKilled, exit code {last['exitCode']}"
            yield _cause(
                scene, pod, "memory", name, init, "resources.limits.memory", what, said, None
            )
        elif killed := _probe_kill(scene, pod, name):
            probe, fact = killed
            what = f"was killed by its {probe} probe ({times})"
            said = fact.message + _failing(scene, pod, name, probe)
            field = f"{probe}Probe"
            yield _cause(scene, pod, "probe", name, init, field, what, said, fact)
        elif not restarted and not init and _keeps_ending(pod, entry, last):
            what = f"keeps ending (exit code {last['exitCode']}, {times})"
            said = _last_line(scene, pod, name)
            yield _cause(scene, pod, "crash", name, init, "", what, said, None)


def not_ready(scene: Scene, pod: Object) -> Iterator[Cause]:
    """Containers that run while a startup or readiness probe keeps failing."""
    for entry, init in _entries(pod):
        name = str(entry["name"])
        if init or entry.get("ready") or not _runs(entry):
            continue
        facts = _about(scene.facts(pod, "Unhealthy"), name)
        facts = [f for f in facts if not f.message.startswith("Liveness")]
        # The newest kind of answer counts: 503 while a model loads says nothing of a 404 later.
        for fact in facts[-1:]:
            probe = "startup" if fact.message.startswith("Startup") else "readiness"
            field = f"{probe}Probe"
            yield _cause(
                scene, pod, "probe", name, init, field, "runs but is not Ready", fact.message, fact
            )


def still_starting(scene: Scene, pod: Object) -> Iterator[Cause]:
    """A Pod without any fault that is not Ready yet."""
    waiting = [str(entry["name"]) for entry, _ in _entries(pod) if not entry.get("ready")]
    which = ", ".join(waiting)
    since = scene.since(pod, lambda _: True)
    yield Cause(
        word="starting",
        about=title(pod),
        namespace=namespace_of(pod),
        field="",
        what=f"Pod {pod['metadata']['name']} has not become Ready yet"
        + (f", it waits for {which}" if which else ""),
        said="",
        source="condition Ready",
        at=since,
    )


def has_begun(pod: Object) -> bool:
    """Whether a container has run, for which every volume had to be there."""
    return any(_runs(entry) or _ended(entry) for entry, _ in _entries(pod))


def _cause(
    scene: Scene,
    pod: Object,
    word: Word,
    container: str,
    init: bool,
    field: str,
    what: str,
    said: str,
    fact: Fact | None,
    reason: str = "",
) -> Cause:
    group = "initContainers" if init else "containers"
    path = f"spec.{group}[{container}]"
    what = f"{'Init container' if init else 'Container'} {container} of Pod {_name(pod)} {what}"
    return Cause(
        word=word,
        about=title(pod),
        namespace=namespace_of(pod),
        field=f"{path}.{field}" if field else path,
        what=what,
        said=said,
        source=f"event {fact.reason}"
        if fact
        else f"container state{f' {reason}' if reason else ''}",
        at=fact.at if fact else _when(scene, pod, container),
        container=container,
    )


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def _entries(pod: Object) -> Iterator[tuple[dict[str, Any], bool]]:
    status = pod.get("status") or {}
    for entry in status.get("initContainerStatuses") or []:
        yield entry, True
    for entry in status.get("containerStatuses") or []:
        yield entry, False


def _ended(entry: dict[str, Any]) -> dict[str, Any] | None:
    """How the container ended most recently, if it ever did."""
    now = (entry.get("state") or {}).get("terminated")
    return now or (entry.get("lastState") or {}).get("terminated")


def _keeps_ending(pod: Object, entry: dict[str, Any], last: dict[str, Any]) -> bool:
    """Whether an end is a fault: with code 0 too, in a Pod whose containers are to stay."""
    stays = (pod.get("spec") or {}).get("restartPolicy") in (None, "Always")
    return bool(last.get("exitCode")) or (stays and not _runs(entry))


def _runs(entry: dict[str, Any]) -> bool:
    return "running" in (entry.get("state") or {})


def _when(scene: Scene, pod: Object, container: str) -> float:
    """When the container was first seen to have ended, or to wait for what it does not get."""

    def troubled(seen: Object) -> bool:
        for entry, _ in _entries(seen):
            if entry["name"] == container:
                waiting = (entry.get("state") or {}).get("waiting") or {}
                return _ended(entry) is not None or waiting.get("reason") in _IMAGE
        return False

    return scene.since(pod, troubled)


def _about(facts: list[Fact], container: str) -> list[Fact]:
    """Those events that are about one container; all where they do not say."""
    return [f for f in facts if not f.field or f.field.endswith(f"{{{container}}}")]


def _probe_kill(scene: Scene, pod: Object, container: str) -> tuple[str, Fact] | None:
    for fact in _about(scene.facts(pod, "Killing"), container):
        found = _BY_PROBE.search(fact.message)
        if found:
            return found.group(1), fact
    return None


def _failing(scene: Scene, pod: Object, container: str, probe: str) -> str:
    facts = _about(scene.facts(pod, "Unhealthy"), container)
    words = [f.message for f in facts if f.message.lower().startswith(probe)]
    return f" ({words[-1]})" if words else ""


def _limit(pod: Object, container: str) -> str:
    spec = pod.get("spec") or {}
    for entry in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        if entry.get("name") == container:
            limits = (entry.get("resources") or {}).get("limits") or {}
            memory = limits.get("memory")
            return f"limit {memory}" if memory else "no limit of its own"
    return "no limit of its own"


def _last_line(scene: Scene, pod: Object, container: str) -> str:
    """The last line of the log of the run that ended, if the recording holds it."""
    # The previous run's log stands before that of a run that may just have begun.
    for log in scene.history.recording.logs:
        if (log.pod, log.container) == (_name(pod), container) and log.text.strip():
            return f'its log ends with "{log.text.strip().splitlines()[-1].strip()}"'
    return ""
