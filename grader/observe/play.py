"""Playing a lab's scenario with one submission on a cluster, into a recording."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from cluster.model import ClusterStatus
from grader.errors import GraderError, MachineError
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Change, Mark, Object, Recording
from grader.model.scenario import Send, Step
from grader.observe import isolation as place
from grader.observe import room
from grader.observe.attention import prove_attentive
from grader.observe.ending import release_objects
from grader.observe.hub import WatchHub
from grader.observe.isolation import ENFORCE, QUOTA, Isolation
from grader.observe.kinds import ALWAYS, KNOWN, Kind
from grader.observe.lateness import prove_prompt
from grader.observe.logs import take_logs
from grader.observe.noise import is_of_before
from grader.observe.recorder import Recorder
from grader.observe.sampling import Sampler
from grader.observe.session import Session
from grader.observe.signs import prove_simulation
from grader.observe.sizes import Sizes
from grader.observe.stage import Stage
from grader.observe.steps import PLAYERS
from grader.observe.steps.send import given_objects
from grader.observe.tempo import as_written
from grader.observe.waiting import QUIET, TOO_LONG, Outcome, settle, wait_gone

OnStep = Callable[[str, str], None]
"""Called with a step's name and "begin", then with its name and how it ended."""

NOT_WAITED, BROKEN_OFF = "not waited", "broken off"
_PREPARATION = 30.0
_ENDING = 30.0


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while observing. `recording` is what was seen until then, with its fault set."""

    def __init__(self, recording: Recording) -> None:
        super().__init__("interrupted")
        self.recording = recording


def observe(
    lab: Lab,
    submission: Submission,
    cluster: ClusterStatus,
    *,
    keep: bool = False,
    on_step: OnStep | None = None,
    session: Session | None = None,
) -> Recording:
    """Play the scenario and return what happened.

    A fault of the machine after the scenario began is told in `recording.fault`; one before it
    raises MachineError. Pass a `Session` to let many runs share one set of watches; several
    threads may do so at once. With `keep`, the run's namespaces stay for a look around.
    """
    if session is not None:
        return _observe(lab, submission, session, keep, on_step)
    with Session(cluster, shared=False) as own:
        return _observe(lab, submission, own, keep, on_step)


def _observe(
    lab: Lab, submission: Submission, session: Session, keep: bool, on_step: OnStep | None
) -> Recording:
    session.reap_once()
    session.define(lab.file.crds)
    sizes = _sizes(lab, submission, session)
    labels = _namespace_labels(submission)
    reused = session.cluster.capabilities.containers == "real"
    isolation = place.plan(lab, session.kinds, labels, sizes, reused)
    hub = session.hub or WatchHub(session.api, isolation.names.real)
    try:
        return _Run(lab, submission, session, isolation, hub, on_step).record(keep)
    finally:
        if hub is not session.hub:
            hub.close()


def _sizes(lab: Lab, submission: Submission, session: Session) -> Sizes:
    """By how much amounts are made smaller: as the nodes of this cluster were, or, where the nodes
    are just those of the machine, so that the submission finds room on them."""
    values = [manifest.value for manifest in submission.manifests]
    divisor = round(1 / session.cluster.capabilities.size_factor)
    if divisor == 1 and session.cluster.provider == "kind" and lab.file.isolation == "namespace":
        nodes = session.api.get(KNOWN["Node"].path()).body.get("items") or []
        divisor = room.divisor(values, nodes, lab.file.nodes, session.at_once)
    sizes = Sizes(divisor, lab.file.nodes)
    sizes.learn(values)
    return sizes


def _at_size(cluster: ClusterStatus, sizes: Sizes) -> ClusterStatus:
    """The cluster as this run finds it, amounts and all."""
    change = {"size_factor": sizes.factor}
    capabilities = cluster.capabilities.model_copy(update=change)
    return cluster.model_copy(update={"capabilities": capabilities})


def _namespace_labels(submission: Submission) -> frozenset[str]:
    """Pod Security labels that the submission writes itself, so that they stay in the recording."""
    found = set()
    for manifest in submission.manifests:
        metadata = manifest.value.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if manifest.kind == "Namespace" and isinstance(labels, dict) and ENFORCE in labels:
            found.add(ENFORCE)
    return frozenset(found)


def _ends_space(change: Change) -> bool:
    return change.verb == "deleted" and change.object.get("kind") == "Namespace"


def _say_nothing(name: str, what: str) -> None:
    del name, what


class _Run:
    """One play of one scenario."""

    def __init__(
        self,
        lab: Lab,
        submission: Submission,
        session: Session,
        isolation: Isolation,
        hub: WatchHub,
        on_step: OnStep | None,
    ) -> None:
        self._lab = lab
        self._session = session
        self._isolation = isolation
        self._hub = hub
        self._on_step = on_step or _say_nothing
        self._marks: list[Mark] = []
        self._started = datetime.now(UTC)
        self._recorder = Recorder(isolation.names, self._hides, self._retouch)
        self._stage = Stage(
            api=session.api,
            kinds=session.kinds,
            hub=hub,
            recorder=self._recorder,
            isolation=isolation,
            lab=lab,
            submission=submission,
            cluster=_at_size(session.cluster, isolation.sizes),
        )
        self._stage.watched = self._watched()
        if self._stage.simulated:
            self._stage.tempo = session.cluster.capabilities.time_factor

    def _hides(self, obj: Object) -> bool:
        return self._isolation.hides(obj) or is_of_before(obj, self._started)

    def _retouch(self, obj: Object) -> Object:
        return as_written(self._isolation.retouch(obj))

    def _watched(self) -> tuple[Kind, ...]:
        kinds = self._session.kinds
        found = dict.fromkeys(kinds.named(name) for name in ALWAYS)
        found |= dict.fromkeys(self._isolation.kinds)
        given = [
            kinds.of(str(value.get("kind")), str(value.get("apiVersion")))
            for step in self._lab.file.scenario
            if isinstance(step.action, Send)
            for file in step.action.files
            for value, _ in given_objects(self._stage.lab_text(file), file)
        ]
        found |= dict.fromkeys(given)
        return tuple(kind for kind in found if kind is not None)

    def record(self, keep: bool) -> Recording:
        """Prepare, play, clean up, whatever happens in between."""
        fault, interrupted = "", False
        try:
            self._prepare(keep)
            self._play()
        except KeyboardInterrupt:
            fault, interrupted = "The run was interrupted.", True
        except MachineError as error:
            if not self._marks:
                raise
            fault = error.message
        finally:
            self._hub.unfollow(self._recorder)
            if not keep:
                self._clean_up()
        recording = self._recording(fault or self._recorder.fault)
        if interrupted:
            raise Interrupted(recording)
        return recording

    def _prepare(self, keep: bool) -> None:
        self._hub.start(self._stage.watched)
        place.prepare(self._session.api, self._isolation, keep)
        names = self._isolation.names
        self._hub.follow(self._recorder, self._stage.watched, names.real)
        if not self._recorder.wait(self._is_ready, _PREPARATION):
            raise MachineError("The cluster's controllers did not prepare the namespaces in time.")

    def _is_ready(self) -> bool:
        """Accounts exist and quotas are counted: before that, Pods would be refused."""
        find = self._recorder.find
        for namespace in self._isolation.names.lab:
            quota = find("ResourceQuota", QUOTA, namespace) or {}
            if not (quota.get("status") or {}).get("hard"):
                return False
            if find("ServiceAccount", "default", namespace) is None:
                return False
        return True

    def _play(self) -> None:
        loaded = any(step.kind in ("load", "queue") for step in self._lab.file.scenario)
        with Sampler(self._stage) if loaded else contextlib.nullcontext():
            self._play_steps()
        prove_simulation(self._stage)
        take_logs(self._stage)
        # What was in a namespace that has gone was awaited to its end, except for its events.
        left = any(self._recorder.find("Namespace", n, "") for n in self._stage.namespaces)
        self._stage.sync(() if left else ("Event",))

    def _play_steps(self) -> None:
        current = ""
        for step in self._lab.file.scenario:
            current = step.name or current or step.kind
            self._stage.step = current
            self._play_step(step, current)

    def _play_step(self, step: Step, name: str) -> None:
        self._on_step(name, "begin")
        self._mark(name, step.kind, "begin", Outcome(""))
        since = self._marks[-1].at
        try:
            if step.kind == "delete":
                take_logs(self._stage)
            outcome = PLAYERS[step.kind](self._stage, step.action)
            if outcome is None:
                within = step.action.within
                outcome = settle(self._stage, within) if step.action.settle else Outcome(NOT_WAITED)
            if outcome.note in (QUIET, TOO_LONG):
                prove_simulation(self._stage)
            if outcome.note == TOO_LONG:
                prove_prompt(self._stage)
            prove_attentive(self._stage, since)
        except (GraderError, KeyboardInterrupt):
            self._mark(name, step.kind, "end", Outcome(BROKEN_OFF), known=True)
            self._on_step(name, BROKEN_OFF)
            raise
        self._mark(name, step.kind, "end", outcome)
        self._on_step(name, outcome.note)

    def _mark(
        self, name: str, kind: str, phase: str, outcome: Outcome, known: bool = False
    ) -> None:
        """Add a mark; `known`: at the last version seen, without asking the cluster."""
        if known:
            version = max((change.version for change in self._recorder.changes), default=0)
        elif phase == "begin" and self._marks:
            version = self._marks[-1].version  # it begins where the one before has ended
        else:
            version = outcome.version or self._session.api.version_now()
        detail = {"waiting": outcome.waiting} if outcome.waiting else {}
        at = self._recorder.clock()
        self._marks.append(
            Mark(
                at,
                version,
                name,
                kind,
                "begin" if phase == "begin" else "end",
                outcome.note,
                detail,
            )
        )

    def _clean_up(self) -> None:
        for namespace in self._gone():
            path = KNOWN["Namespace"].path(name=self._stage.real(namespace))
            self._isolation.created = [p for p in self._isolation.created if p != path]
        # What cannot be removed now is recognised and removed by a later run.
        with contextlib.suppress(MachineError):
            place.clean_up(self._session.api, self._isolation)
            release_objects(self._stage)
            mine = self._isolation.created and self._lab.file.isolation == "cluster"
            if mine and self._stage.simulated:
                self._wait_for_the_end()
            elif mine:
                place.end_pods(self._session.api, self._isolation)

    def _gone(self) -> list[str]:
        """Namespaces of the lab that the scenario itself has brought to their end."""
        ended = [c.object["metadata"]["name"] for c in self._recorder.changes if _ends_space(c)]
        there = self._recorder.state.get("Namespace", {})
        return [name for name in ended if ("", name) not in there]

    def _wait_for_the_end(self) -> None:
        """Let the lab's own names be free again for the next run on this cluster."""
        stage = replace(self._stage, recorder=Recorder(self._isolation.names), doomed=[])
        self._hub.follow(stage.recorder, stage.watched, self._isolation.names.real)
        for namespace in self._isolation.names.lab:
            stage.doom_namespace(namespace)
        wait_gone(stage, _ENDING)
        self._hub.unfollow(stage.recorder)

    def _recording(self, fault: str) -> Recording:
        stage, cluster = self._stage, self._stage.cluster
        return Recording(
            lab=self._lab.id,
            lab_digest=self._lab.digest,
            submission=stage.submission.name,
            submission_digest=stage.submission.digest,
            provider=cluster.provider,
            kubernetes=cluster.kubernetes_version or "",
            capabilities=cluster.capabilities,
            namespaces=self._lab.file.namespaces,
            started=self._started.isoformat(timespec="milliseconds"),
            changes=self._recorder.in_order(),
            marks=self._marks,
            answers=stage.answers,
            logs=stage.logs,
            gaps=self._recorder.gaps,
            samples=stage.samples,
            sources=[(source.path, source.text) for source in stage.submission.sources],
            fault=fault,
            seconds=self._recorder.clock(),
        )
