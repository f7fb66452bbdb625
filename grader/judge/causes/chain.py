"""From causes to chains: which came first for a workload, and what followed from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from grader.judge.causes import containers, creation, endings, placement, scaling, services
from grader.judge.causes.cause import Cause, Chain, Effect
from grader.judge.causes.scene import Scene, namespace_of, template_labels, title
from grader.judge.language.state import History, condition, is_ready, is_terminating
from grader.model.recording import Object

if TYPE_CHECKING:
    from grader.judge.language.span import Span

MAX_LINES = 4

_Finder = Callable[[Scene, Object], Iterator[Cause]]

_LIFE: tuple[_Finder, ...] = (
    endings.ended_pod,
    placement.unscheduled,
    endings.on_lost_node,
    placement.unmounted,
    containers.not_started,
    containers.init_failed,
    containers.ended,
    containers.not_ready,
)
"""In the order in which a Pod meets them: who has no node has no image either."""


def causes_of(
    view: Span,
    workload: str,
    *,
    namespace: str | None = None,
    moment: int | None = None,
    until: float | None = None,
) -> Chain | None:
    """The chain that begins at `workload`, or ends there; None while it is healthy.

    `workload` is `Kind/name`: one that has Pods, a Service or a HorizontalPodAutoscaler. `moment`
    is a resourceVersion, `until` its second where known; None means the end of the recording.
    """
    scene = Scene(view._history, moment, until)
    found = scene.find(workload, namespace)
    for chain in chains(scene):
        if workload in chain.objects and (found is None or _same_place(chain, found)):
            return chain
    return None


def _same_place(chain: Chain, found: Object) -> bool:
    return chain.cause.namespace in ("", namespace_of(found))


def explain(history: History, moment: int | None = None, failure: str = "") -> list[str]:
    """The sentences for a failed check, first cause first; empty where nothing is unhealthy.

    Where `failure` names objects of the recording, only a chain that speaks of one of them counts:
    the state of another workload explains nothing.
    """
    scene = Scene(history, moment)
    every = list(chains(scene))
    words = set(re.findall(r"[a-z0-9][-a-z0-9.]*[a-z0-9]|[a-z0-9]", failure))
    named = _names(scene) & words
    if named:
        every = [chain for chain in every if chain.names & named or chain.cause.word == "admission"]
    return every[0].lines[:MAX_LINES] if every else []


def chains(scene: Scene) -> list[Chain]:
    """Every chain at the moment: refused objects first, then by time, mere starting last."""
    found = [*_refused(scene), *_workloads(scene), *_services(scene), *_scalers(scene)]
    return sorted(found, key=lambda chain: (_rank(chain.cause), chain.cause.at))


def _rank(cause: Cause) -> int:
    if cause.source.startswith("answer"):
        return 0
    return 2 if cause.word == "starting" else 1


def _names(scene: Scene) -> set[str]:
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "Service")
    return {str(f["metadata"]["name"]) for kind in kinds for f in scene.state.objects(kind)}


def _refused(scene: Scene) -> Iterator[Chain]:
    for cause in creation.refusals(scene):
        effects = []
        if cause.about.partition("/")[0] in ("Deployment", "StatefulSet", "DaemonSet", "Pod"):
            effects = [_no_endpoints(s, "no Pod was made") for s in _unserved(scene)]
        yield Chain(cause.about, cause, tuple(effects))


def _unserved(scene: Scene) -> list[Object]:
    """Services whose selector matches nothing that is there."""
    return [
        service
        for service in scene.state.objects("Service")
        if any(cause.word == "selector" for cause in services.misdirected(scene, service))
    ]


def _workloads(scene: Scene) -> Iterator[Chain]:
    for workload in scene.workloads():
        if is_terminating(workload):
            continue
        first = _first(scene, workload)
        if first is None:
            continue
        cause, pod = first
        effects = tuple(_effects(scene, workload, cause, pod))
        yield Chain(title(workload), cause, effects, (pod,) if pod else ())


def _first(scene: Scene, workload: Object) -> tuple[Cause, str] | None:
    """The earliest cause of a workload, with the name of the Pod that shows it."""
    found = [(cause, "") for cause in creation.not_created(scene, workload)]
    if _is_done(workload):
        return None
    restarted: list[tuple[Cause, str]] = []
    for pod in scene.below(workload, "Pod"):
        name = str(pod["metadata"]["name"])
        if (pod.get("status") or {}).get("phase") == "Succeeded":
            continue
        if is_ready(pod):
            restarted += [(c, name) for c in containers.ended(scene, pod, restarted=True)]
        elif not is_terminating(pod) or condition(pod, "DisruptionTarget"):
            found += [(cause, name) for cause in _of_pod(scene, pod)]
    if not found:
        found = [(cause, "") for cause in endings.failed_job(scene, workload)] or restarted
    deadline = [(c, "") for c in endings.failed_job(scene, workload) if c.word == "deadline"]
    return min(deadline or found, key=lambda f: (_rank(f[0]), f[0].at), default=None)


def _is_done(workload: Object) -> bool:
    complete = condition(workload, "Complete")
    return bool(complete and complete.get("status") == "True")


def _of_pod(scene: Scene, pod: Object) -> list[Cause]:
    for finder in _LIFE:
        causes = list(finder(scene, pod))
        if causes:
            return causes[:1]
    return list(containers.still_starting(scene, pod))


def _effects(scene: Scene, workload: Object, cause: Cause, pod: str) -> Iterator[Effect]:
    kind, name = workload["kind"], workload["metadata"]["name"]
    if pod and cause.word != "starting":
        told = cause.about == f"Pod/{pod}"
        said = "" if told else f"Pod {pod} is not Ready"
        yield Effect(f"Pod/{pod}", "Pod not Ready", said)
    if cause.word == "starting":
        yield from _leaving(scene, workload)
    status, wanted = workload.get("status") or {}, (workload.get("spec") or {}).get("replicas", 1)
    ready = status.get("readyReplicas") or 0
    if kind in ("Deployment", "StatefulSet"):
        yield from _rollout(workload, ready, wanted)
    elif kind == "Job":
        failed = condition(workload, "Failed")
        if failed and failed.get("status") == "True":
            if cause.about != title(workload):
                said = str(failed.get("message") or failed.get("reason"))
                yield Effect(title(workload), "Job failed", f"Job {name} has failed: {said}")
        elif cause.about != title(workload):
            yield Effect(title(workload), "Job not done", f"Job {name} does not complete")
    for service in services.services_of(scene, workload):
        if not services.ready_endpoints(scene, service)[0]:
            yield _no_endpoints(service, "none of the Pods that it selects is Ready")


def _leaving(scene: Scene, workload: Object) -> Iterator[Effect]:
    """Pods that go while others are not there yet: the dip of a rollout."""
    names = [p["metadata"]["name"] for p in scene.below(workload, "Pod") if is_terminating(p)]
    if names:
        verb = "is" if len(names) == 1 else "are"
        said = f"meanwhile {', '.join(names[:3])} {verb} being taken away"
        yield Effect(f"Pod/{names[0]}", "an old Pod already leaving", said)


def _rollout(workload: Object, ready: int, wanted: int) -> Iterator[Effect]:
    kind, name, about = workload["kind"], workload["metadata"]["name"], title(workload)
    progress = condition(workload, "Progressing") or {}
    updated = (workload.get("status") or {}).get("updatedReplicas") or 0
    if progress.get("reason") == "ProgressDeadlineExceeded":
        said = f"{kind} {name}: the rollout made no progress before its deadline"
        yield Effect(about, "rollout stuck", f"{said} ({ready} of {wanted} replicas Ready)")
    elif ready >= wanted > 0:
        said = f"{kind} {name} keeps its old replicas: {updated} of {wanted} are of the new version"
        if updated < wanted:
            yield Effect(about, "rollout stuck", said)
    else:
        said = f"{kind} {name} has {ready} of {wanted} replicas Ready"
        # With none Ready, "Pod not Ready" has said it.
        yield Effect(about, "too few replicas" if ready else "", said)


def _no_endpoints(service: Object, why: str) -> Effect:
    name = service["metadata"]["name"]
    sentence = f"Service {name} has no endpoints, because {why}"
    return Effect(title(service), "Service without endpoints", sentence)


def _services(scene: Scene) -> Iterator[Chain]:
    refused = any(True for _ in creation.refusals(scene))
    for service in scene.state.objects("Service"):
        for cause in services.misdirected(scene, service):
            if cause.word == "selector" and refused and not _has_pods(scene, service):
                continue  # its Pods were refused: the chain of the refusal speaks of it
            short = "Service without endpoints"
            said = f"Service {service['metadata']['name']} has no endpoints"
            said += " that can be reached" if cause.word == "port" else ""
            yield Chain(title(service), cause, (Effect(title(service), short, said),))


def _has_pods(scene: Scene, service: Object) -> bool:
    here = namespace_of(service)
    return any(template_labels(w) for w in scene.workloads() if namespace_of(w) == here)


def _scalers(scene: Scene) -> Iterator[Chain]:
    for scaler in scene.state.objects("HorizontalPodAutoscaler"):
        for cause in scaling.blind(scene, scaler):
            target = (scaler.get("spec") or {}).get("scaleTargetRef") or {}
            about = f"{target.get('kind')}/{target.get('name')}"
            said = f"{target.get('kind')} {target.get('name')} is not scaled"
            yield Chain(title(scaler), cause, (Effect(about, "replicas unchanged", said),))
