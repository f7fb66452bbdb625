"""From a recording to its `Story`: one pass over the changes in their total order.

It never raises on odd objects: a picture of an odd recording is what one wants to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grader.model.recording import Change, Mark, Recording
from grader.report.timeline.events import happening
from grader.report.timeline.owners import Owners, identity
from grader.report.timeline.pods import (
    Object,
    broken_runs,
    entries,
    part,
    restarts,
    state_of,
    version_of,
)
from grader.report.timeline.series import series_of
from grader.report.timeline.story import (
    Happening,
    PodLane,
    Points,
    Segment,
    Service,
    Step,
    Story,
    Workload,
)

_HAVE_REPLICAS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_OWN_PODS = (*_HAVE_REPLICAS, "DaemonSet", "Job", "CronJob", "Pod")
Key = tuple[str, str, str]
"""Namespace, kind, name."""


def extract(recording: Recording, *, workload: str = "", namespace: str = "") -> Story:
    """What happened in `recording`; `workload` ("Deployment/web" or "web") and `namespace` narrow
    it. Nothing that matches gives a story without workloads, not an error."""
    replay = _Replay(recording)
    for change in sorted(recording.changes, key=lambda change: change.version):
        replay.take(change)
    story = replay.story()
    story.series = series_of(recording, story.workloads)
    return _narrowed(story, workload, namespace) if workload or namespace else story


def evidence_of(recording: Recording) -> str:
    """`embedded, Kubernetes 1.35.4, simulated kubelet, 20× faster than life`."""
    known = recording.capabilities
    words = [recording.provider, f"Kubernetes {recording.kubernetes.removeprefix('v')}"]
    simulated = _simulated(recording)
    if simulated:
        words.append("simulated " + " and ".join(simulated))
        if 0 < known.time_factor < 1:
            words.append(f"{1 / known.time_factor:.0f}× faster than life")
    elif known.containers == "real":
        words.append("real containers")
    return ", ".join(words)


def _simulated(recording: Recording) -> list[str]:
    known = recording.capabilities
    layers = {"control plane": known.control_plane, "kubelet": known.kubelet}
    return [layer for layer, source in layers.items() if source == "simulated"]


class _Replay:
    """Takes changes in order and writes down what a picture needs."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._owners = Owners(recording.changes)
        self._end = _end_of(recording)
        self._workloads: dict[Key, Workload] = {}
        self._lanes: dict[str, PodLane] = {}
        self._services: dict[Key, Service] = {}
        self._slices: dict[Key, Object] = {}
        self._runs: dict[str, set[str]] = {}
        self._loose: list[tuple[str, Happening]] = []

    def take(self, change: Change) -> None:
        """One change more."""
        kind, name = identity(change.object)
        space = str(part(change.object, "metadata").get("namespace") or "")
        gone = change.verb == "deleted"
        at = min(max(change.at, 0.0), self._end)
        if kind in _OWN_PODS and kind != "Pod":
            self._owner(change.object, space, at, gone)
        if kind == "Pod":
            self._pod(change.object, space, at, gone)
        elif kind == "Service" and (space, name) != ("default", "kubernetes"):
            if not gone:
                self._service(space, name)
        elif kind == "EndpointSlice":
            self._endpoints(change.object, space, at, gone)
        elif kind == "Event" and change.verb in ("added", "modified"):
            found = happening(change.object, at)
            if found:
                self._loose.append((space, found))

    def story(self) -> Story:
        """What was written down, events beside what they are about."""
        self._give_out_happenings()
        recording = self._recording
        workloads = [w for w in self._workloads.values() if w.pods or w.wanted or w.happenings]
        for workload in workloads:
            workload.ready = _ready_counts(workload.pods, self._end)
        versions = list(
            dict.fromkeys(lane.version for lane in self._lanes.values() if lane.version)
        )
        spaces = sorted({w.namespace for w in workloads} | {k[0] for k in self._services})
        return Story(
            lab=recording.lab,
            submission=recording.submission,
            evidence=evidence_of(recording),
            simulated=bool(_simulated(recording)),
            end=self._end,
            fault=recording.fault,
            namespaces=spaces,
            versions=versions,
            steps=_steps(recording.marks, self._end),
            services=[s for _, s in sorted(self._services.items())],
            workloads=sorted(workloads, key=_order),
            gaps=sorted({(gap.since, gap.until) for gap in recording.gaps}),
        )

    def _owner(self, found: Object, space: str, at: float, gone: bool) -> None:
        kind, name = identity(found)
        if self._owners.top(found) != (kind, name):
            return  # a ReplicaSet of a Deployment, a Job of a CronJob: told there
        workload = self._workload(space, kind, name)
        wanted: Any = None
        if kind in _HAVE_REPLICAS:
            wanted = part(found, "spec").get("replicas", 1)
        elif kind == "DaemonSet":
            wanted = part(found, "status").get("desiredNumberScheduled", 0)
        if isinstance(wanted, int):
            step(workload.wanted, at, 0.0 if gone else float(wanted))

    def _workload(self, space: str, kind: str, name: str) -> Workload:
        key = (space, kind, name)
        return self._workloads.setdefault(key, Workload(space, kind, name))

    def _pod(self, pod: Object, space: str, at: float, gone: bool) -> None:
        _, name = identity(pod)
        uid = str(part(pod, "metadata").get("uid") or f"{space}/{name}")
        lane = self._lanes.get(uid)
        if lane is None:
            owner_kind, owner = self._owners.top(pod)
            workload = self._workload(space, owner_kind, owner)
            lane = PodLane(space, name, workload.ref)
            self._lanes[uid] = lane
            workload.pods.append(lane)
        lane.version = lane.version or version_of(pod)
        lane.node = str(part(pod, "spec").get("nodeName") or lane.node)
        lane.restarts = max(lane.restarts, restarts(pod))
        self._advance(lane, pod, at, gone)
        told = self._runs.setdefault(uid, set())
        for key, reason, sentence in broken_runs(pod):
            if key not in told:
                told.add(key)
                lane.happenings.append(Happening(at, f"Pod/{name}", reason, sentence, "trouble"))

    def _advance(self, lane: PodLane, pod: Object, at: float, gone: bool) -> None:
        last = lane.segments[-1] if lane.segments else None
        if last:
            last.end = max(at, last.begin)
        if gone:
            return
        was_ready = any(segment.state == "ready" for segment in lane.segments)
        state, why = state_of(pod, was_ready)
        begin = last.end if last else at
        if last and last.state == state:
            last.end, last.why = self._end, why
        else:
            lane.segments.append(Segment(begin, self._end, state, why))

    def _service(self, space: str, name: str) -> Service:
        return self._services.setdefault((space, "Service", name), Service(space, name))

    def _endpoints(self, piece: Object, space: str, at: float, gone: bool) -> None:
        key = (space, *identity(piece))
        if gone:
            self._slices.pop(key, None)
        else:
            self._slices[key] = piece
        name = str(part(piece, "metadata", "labels").get("kubernetes.io/service-name") or "")
        if not name:
            return
        counts = self._ready_endpoints(space, name)
        service = self._service(space, name)
        for version in {*counts, *service.ready}:
            curve = service.ready.setdefault(version, [])
            step(curve, at, float(counts.get(version, 0)))

    def _ready_endpoints(self, space: str, service: str) -> dict[str, int]:
        versions = {lane.name: lane.version for lane in self._lanes.values()}
        found: dict[str, str] = {}
        for (place, *_), piece in self._slices.items():
            labels = part(piece, "metadata", "labels")
            if place != space or labels.get("kubernetes.io/service-name") != service:
                continue
            for entry in entries(piece, "endpoints"):
                if part(entry, "conditions").get("ready") is False:
                    continue
                version = versions.get(str(part(entry, "targetRef").get("name") or ""), "")
                addresses = entry.get("addresses")
                for address in addresses if isinstance(addresses, list) else ():
                    found[str(address)] = version
        counts: dict[str, int] = {}
        for version in found.values():
            counts[version] = counts.get(version, 0) + 1
        return counts

    def _give_out_happenings(self) -> None:
        lanes = {(lane.namespace, f"Pod/{lane.name}"): lane for lane in self._lanes.values()}
        tops: dict[tuple[str, str], Workload] = {}
        for workload in self._workloads.values():
            tops[workload.namespace, workload.ref] = workload
            # An autoscaler's or budget's events concern the workload of that name.
            tops.setdefault((workload.namespace, f"*/{workload.name}"), workload)
        for change in self._recording.changes:
            space = str(part(change.object, "metadata").get("namespace") or "")
            kind, name = self._owners.top(change.object)
            own_kind, own = identity(change.object)
            workload_found = tops.get((space, f"{kind}/{name}"))
            if workload_found:
                tops.setdefault((space, f"{own_kind}/{own}"), workload_found)
            if own_kind == "HorizontalPodAutoscaler":
                target = part(change.object, "spec", "scaleTargetRef")
                aimed = tops.get((space, f"{target.get('kind')}/{target.get('name')}"))
                if aimed:
                    tops[space, f"{own_kind}/{own}"] = aimed
        for space, found in self._loose:
            lane = lanes.get((space, found.about))
            owner = tops.get((space, found.about))
            if lane:
                lane.happenings.append(found)
            elif owner:
                owner.happenings.append(found)
        for told in [
            *(lane.happenings for lane in self._lanes.values()),
            *(workload.happenings for workload in self._workloads.values()),
        ]:
            told.sort(key=lambda found: found.at)


def step(curve: Points, at: float, value: float) -> None:
    """Let the curve go to `value` at `at`; nothing where it is there already."""
    if curve:
        at = max(at, curve[-1][0])
        if curve[-1][1] == value:
            return
        if curve[-1][0] == at:
            curve.pop()
    curve.append((at, value))


def _ready_counts(pods: Iterable[PodLane], end: float) -> dict[str, Points]:
    changes: dict[str, list[tuple[float, int]]] = {}
    for lane in pods:
        for segment in lane.segments:
            if segment.state == "ready":
                moves = changes.setdefault(lane.version, [])
                moves.append((segment.begin, 1))
                if segment.end < end:
                    moves.append((segment.end, -1))
    curves: dict[str, Points] = {}
    for version, moves in changes.items():
        count, curve = 0, curves.setdefault(version, [])
        for at, by in sorted(moves):
            count += by
            step(curve, at, float(max(count, 0)))
    return curves


def _steps(marks: list[Mark], end: float) -> list[Step]:
    steps: list[Step] = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        if mark.phase == "begin" and (not steps or steps[-1].name != mark.step):
            steps.append(Step(mark.step, mark.kind, mark.at, end, end))
        elif mark.phase == "end" and steps and steps[-1].name == mark.step:
            last = steps[-1]
            steps[-1] = Step(last.name, last.kind, last.begin, end, mark.at, mark.note)
    following = [later.begin for later in steps[1:]]
    return [
        Step(one.name, one.kind, one.begin, until, min(one.ended, until), one.note)
        for one, until in zip(steps, [*following, end], strict=False)
    ]


def _end_of(recording: Recording) -> float:
    times = [recording.seconds, *(change.at for change in recording.changes)]
    times += [mark.at for mark in recording.marks]
    times += [sample.at for sample in recording.samples]
    return max(0.1, *times)


def _order(workload: Workload) -> tuple[str, int, str]:
    place = _OWN_PODS.index(workload.kind) if workload.kind in _OWN_PODS else len(_OWN_PODS)
    return workload.namespace, place, workload.name


def _narrowed(story: Story, workload: str, namespace: str) -> Story:
    def fits(space: str) -> bool:
        return not namespace or space == namespace

    story.workloads = [
        w
        for w in story.workloads
        if fits(w.namespace) and (not workload or workload in (w.ref, w.name))
    ]
    names = {lane.name for w in story.workloads for lane in w.pods}
    refs = {w.ref for w in story.workloads} | {f"Pod/{name}" for name in names}
    versions = {lane.version for w in story.workloads for lane in w.pods}
    story.services = [
        s for s in story.services if fits(s.namespace) and (not workload or versions & set(s.ready))
    ]
    services = {f"Service/{s.name}" for s in story.services}
    story.series = [
        s for s in story.series if fits(s.namespace) and (not workload or s.of in refs | services)
    ]
    story.versions = [v for v in story.versions if v in versions]
    return story
