"""Tables of what a recording holds, for people who want to look for themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grader.model.paths import parse_path
from grader.model.recording import Answer, Object
from grader.notebook import podstate
from grader.notebook.html import Table
from grader.notebook.place import NotebookStop

if TYPE_CHECKING:
    from grader.notebook.experiments import Experiment

MOST = 24
"""Rows that a table over time has; what lies between is left out and said so."""


def evidence(run: Experiment, what: str, of: str | None, during: str | None) -> Table:
    """The table called `what`."""
    if what not in _TABLES:
        raise NotebookStop(f"There is no evidence {what!r}.", f"Choose {', '.join(_TABLES)}.")
    return _TABLES[what](run, of, during)


def span(run: Experiment, during: str | None) -> Any:
    """The whole recording or one step of it."""
    if during is None:
        return run.recording
    if not run.recording.has_step(during):
        steps = dict.fromkeys(mark.step for mark in run.raw.marks)
        raise NotebookStop(f"There was no step {during!r}.", f"There were {', '.join(steps)}.")
    return run.recording.during(during)


def endpoints(run: Experiment, of: str | None, during: str | None) -> Table:
    """How many ready endpoints a Service had, over time."""
    if of is None:
        raise NotebookStop("Of which Service?", 'For example run.evidence("endpoints", of="web").')
    moments = span(run, during).endpoints(of.removeprefix("Service/")).values()
    counts = [len(moment.value) for moment in moments]
    rows = [
        (m.at, step_at(run, m.at), len(m.value), _ports_of(m.value), _pods_of(m.value))
        for m in moments
    ]
    note = f"Lowest {min(counts)}, highest {max(counts)}."
    return Table(("second", "step", "ready", "port", "Pods"), *_short(rows, f"{note} {run.note}"))


def replicas(run: Experiment, of: str | None, during: str | None) -> Table:
    """What a Deployment's ReplicaSets were told and what they had, over time."""
    if of is None:
        raise NotebookStop("Of which Deployment?", 'For example of="Deployment/web".')
    name = of if "/" in of else f"Deployment/{of}"
    rows: list[tuple[Any, ...]] = []
    last = None
    for moment in span(run, during).replica_sets(of=name).values():
        found = sorted(filter(_counts, moment.value), key=_age)
        row = "   ".join(map(_replica_set, found))
        if row != last:
            rows.append((moment.at, step_at(run, moment.at), row))
        last = row
    return Table(("second", "step", "ReplicaSet wanted/ready"), *_short(rows, run.note))


def pods(run: Experiment, of: str | None, during: str | None) -> Table:
    """The Pods as they were at the end."""
    rows = [_pod_row(pod) for pod in span(run, during).pods(of).last]
    return Table(("Pod", "state", "ready", "restarts", "node", "image"), rows, run.note)


def placement(run: Experiment, of: str | None, during: str | None) -> Table:
    """Where the scheduler put each Pod, and its words where it put it nowhere."""
    rows = []
    for pod in span(run, during).pods(of).last:
        node = (pod.get("spec") or {}).get("nodeName") or "none"
        rows.append((pod["metadata"]["name"], node, _unschedulable(pod)))
    return Table(("Pod", "node", "the scheduler says"), rows, "Placement is the real scheduler's.")


def answers(run: Experiment, of: str | None, during: str | None) -> Table:
    """How the API server answered."""
    found = span(run, during).answers(target=of or "*").found
    rows = [(a.step, a.verb, asked(a), a.code, a.reason, a.message) for a in found]
    return Table(("step", "verb", "object", "code", "reason", "message"), rows)


def asked(answer: Answer) -> str:
    """What a request was about. A right that no namespace bounds is one `everywhere`."""
    everywhere = answer.verb == "may" and not answer.namespace
    return f"{answer.target} everywhere" if everywhere else answer.target


def logs(run: Experiment, of: str | None, during: str | None) -> Table:
    """The tails of the containers' logs."""
    del during
    rows = [(log.pod, log.container, log.text) for log in run.raw.logs if of in (None, log.pod)]
    return Table(("Pod", "container", "log"), rows, run.note)


def causes(run: Experiment, of: str | None, during: str | None) -> Table:
    """What went wrong first with a workload or Service, and what followed from it."""
    if of is None:
        raise NotebookStop("Of what?", 'For example run.evidence("causes", of="Deployment/web").')
    chain = span(run, during).cause(of)
    lines = chain.lines if chain else []
    rows = [("so" if place else "first", line) for place, line in enumerate(lines)]
    note = f"{chain.links}. {run.note}" if chain else f"{of} is healthy. {run.note}"
    return Table(("", "what was recorded"), rows, note)


def events(run: Experiment, about: str, reason: str | None, during: str | None) -> Table:
    """Events, each once, with how often it was seen.

    A controller that is refused a Pod tries again with another name: this is one event, shown with
    the first name.
    """
    found = span(run, during).events(about=about, reason=reason).found
    merged: dict[tuple[str, str, str, str], int] = {}
    first: dict[tuple[str, str, str, str], str] = {}
    for event in found:
        involved = event.get("involvedObject") or {}
        message = str(event.get("message") or event.get("note") or "")
        row = (
            f"{involved.get('kind')}/{involved.get('name')}",
            str(event.get("type") or ""),
            str(event.get("reason") or ""),
            _TRIED.sub(r"\1", message),
        )
        first.setdefault(row, message)
        merged[row] = merged.get(row, 0) + int(event.get("count") or 1)
    rows = [(*row[:3], first[row], times) for row, times in merged.items()]
    return Table(("about", "type", "reason", "message", "times"), *_short(rows, run.note))


def field(run: Experiment, of: str, path: str, during: str | None) -> Table:
    """Each value that a field had, and since when."""
    kind, _, name = of.partition("/")
    rows: list[tuple[Any, ...]] = []
    last: Any = _NOTHING
    for moment in span(run, during).object(kind, name).values():
        value = _at(moment.value, path)
        if moment.value is None:
            value = "not there yet" if last in (_NOTHING, "not there yet") else "gone"
        if value != last:
            rows.append((moment.at, step_at(run, moment.at), value))
        last = value
    return Table(("second", "step", f"{of} {path}"), *_short(rows, ""))


def step_at(run: Experiment, at: float) -> str:
    """The step that was being played at this second."""
    name = ""
    for mark in run.raw.marks:
        if mark.phase == "begin" and mark.at <= at + 1e-6:
            name = mark.step
    return name


_TABLES: dict[str, Callable[[Experiment, str | None, str | None], Table]] = {
    "causes": causes,
    "endpoints": endpoints,
    "replicas": replicas,
    "pods": pods,
    "placement": placement,
    "answers": answers,
    "logs": logs,
}
_NOTHING = object()
_TRIED = re.compile(r'(pods "[^"]*-)[a-z0-9]{5}(?=" is forbidden)')
"""The part of a refused Pod's name that is drawn anew for each try."""


def _short(rows: list[tuple[Any, ...]], note: str) -> tuple[list[tuple[Any, ...]], str]:
    """The rows, and the note; of many rows, the first and the last."""
    if len(rows) <= MOST:
        return rows, note.strip()
    half = MOST // 2
    left_out = len(rows) - 2 * half
    return rows[:half] + rows[-half:], f"{left_out} rows in the middle are left out. {note}".strip()


def _ports_of(found: list[Any]) -> str:
    return ", ".join(sorted({str(port) for endpoint in found for port in endpoint.ports}))


def _pods_of(found: list[Any]) -> str:
    """The Pods by the ends of their names: ReplicaSet and Pod."""
    names = sorted(endpoint.pod or endpoint.ip for endpoint in found)
    return ", ".join("-".join(name.rsplit("-", 2)[-2:]) for name in names) or "none"


def _age(found: Object) -> tuple[str, str]:
    return found["metadata"].get("creationTimestamp") or "", found["metadata"]["name"]


def _counts(replica_set: Object) -> bool:
    status = replica_set.get("status") or {}
    return bool(replica_set["spec"].get("replicas", 1) or status.get("replicas"))


def _replica_set(found: Object) -> str:
    tail = found["metadata"]["name"].rsplit("-", 1)[-1]
    ready = (found.get("status") or {}).get("readyReplicas", 0)
    return f"{_version(found)} ({tail}) {found['spec'].get('replicas', 1)}/{ready}"


def _version(found: Object) -> str:
    """The first container's tag: what tells one ReplicaSet from the next for a reader."""
    containers = found["spec"].get("template", {}).get("spec", {}).get("containers") or []
    image = containers[0].get("image", "") if containers else ""
    return image.rsplit("/", 1)[-1].rpartition(":")[2] or image


def _pod_row(pod: Object) -> tuple[str, ...]:
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = sum(bool(entry.get("ready")) for entry in containers)
    spec = pod.get("spec") or {}
    images = ", ".join(c["image"].rsplit("/", 1)[-1] for c in spec.get("containers") or [])
    total = len(spec.get("containers") or [])
    node = spec.get("nodeName") or "none"
    name = pod["metadata"]["name"]
    return name, podstate.state(pod), f"{ready}/{total}", str(podstate.restarts(pod)), node, images


def _unschedulable(pod: Object) -> str:
    for entry in (pod.get("status") or {}).get("conditions") or []:
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            return str(entry.get("message") or entry.get("reason") or "")
    return ""


def _at(value: Any, path: str) -> Any:
    """A value by its path, as checks write paths; `a.0` is as good as `a[0]`."""
    for part in parse_path(path):
        if isinstance(value, list) and str(part).isdigit():
            place = int(part)
            value = value[place] if place < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
