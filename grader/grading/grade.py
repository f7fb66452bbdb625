"""From a path to a Result."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.model import Progress, silent
from grader.errors import MachineError, SubmissionError, UsageError
from grader.judge.case import Case
from grader.model.lab import Lab
from grader.model.manifest import Submission
from grader.model.recording import Recording
from grader.model.result import Result

SUFFIX = ".mlk8s-recording"
OnStep = Callable[[str, str], None]


@dataclass(frozen=True)
class Options:
    """How to grade. `where` as on the command line; `live` looks at the learner's own namespace;
    `keep` leaves the run's namespaces for a look around; `save` is the folder for the recording;
    `really` repeats the name of a context that looks like production."""

    where: str = "auto"
    live: bool = False
    keep: bool = False
    save: Path | None = None
    really: str | None = None


def load(lab: Lab, path: Path, name: str | None = None) -> Submission:
    """The submission at `path`, held against the lab's allow-list and namespaces."""
    from grader.load import load_submission
    from grader.load.builds import cannot_render
    from grader.load.seeds import with_draws

    rules, render = lab.file, cannot_render
    if rules.kustomize:
        from grader.grading.kustomize import render
    submission = load_submission(
        path,
        name=name,
        kinds=rules.kinds,
        namespaces=rules.namespaces,
        forms=rules.all_forms,
        builds=rules.kustomize,
        render=render,
    )
    return with_draws(lab, submission)


def grade(
    lab: Lab,
    path: Path,
    options: Options | None = None,
    progress: Progress = silent,
    on_step: OnStep | None = None,
) -> Result:
    """Load, observe unless only files are asked for, judge. Raises GraderError and its kinds."""
    options = options or Options()
    case = read_case(lab, path)
    if options.where != "none" and not case.unreadable:
        case.recording = play(lab, case.submission, options, progress, on_step)
        case.path = save_recording(case.recording, options.save)
    from grader.judge.run import judge

    return judge(lab, [case])[0]


def read_case(lab: Lab, path: Path, name: str | None = None) -> Case:
    """The case of these files. Files that cannot be read make a case that says so, not an error:
    it is the learner's fault, and a class needs a verdict on it."""
    from grader.load.text import shown

    try:
        submission = load(lab, path, name)
    except SubmissionError as error:
        who = name or shown(path.name)
        empty = Submission(name=who, digest="", manifests=())
        return Case(who, empty, unreadable=error.message)
    return Case(submission.name, submission)


def play(
    lab: Lab,
    submission: Submission,
    options: Options,
    progress: Progress = silent,
    on_step: OnStep | None = None,
) -> Recording:
    """Play the lab's scenario (or look at the live namespace) and return what was seen."""
    from grader.grading.where import cluster_for
    from grader.observe import observe, observe_live

    with cluster_for(lab, options.where, progress, options.really) as status:
        if options.live:
            if not lab.file.live:
                raise UsageError(f"lab {lab.number} is not checked live", "Leave --live out.")
            earlier = latest_live(lab, status.name)
            return observe_live(lab, submission, status, earlier=earlier)
        return observe(lab, submission, status, keep=options.keep, on_step=on_step)


def judge_recordings(lab: Lab, paths: list[Path]) -> list[Result]:
    """Judge stored recordings again."""
    named = enumerate(paths)
    return judge_cases(
        lab,
        [Case(f"{place:05d}", Submission(path.stem, "", ()), path=path) for place, path in named],
    )


def judge_cases(lab: Lab, cases: list[Case]) -> list[Result]:
    """Judge many cases in one session, each with an id of its own.

    A case that names its recording by the path alone is read when its checks run, files included,
    and only its head is kept: so a class fits into memory.
    """
    from grader.judge.plugin import CaseRef
    from grader.judge.run import result_of, run_checks

    judged = {case.id: case for case in cases}

    def loader(case: Case) -> Callable[[], Case]:
        def load() -> Case:
            if case.path is None or case.fault or case.unreadable:
                return case
            read = case_of(lab, case.path, case.id)
            judged[case.id] = without_lists(read)
            return read

        return load

    session = run_checks(lab, [CaseRef(case.id, loader(case)) for case in cases])
    return [result_of(lab, judged[case.id], session) for case in cases]


def case_of(lab: Lab, path: Path, key: str | None = None) -> Case:
    """The case that a stored recording holds, files included."""
    from grader.load import from_sources
    from grader.load.seeds import with_draws
    from grader.model.manifest import SourceFile
    from grader.model.recording_file import read_recording

    recording = read_recording(path)
    sources = [SourceFile(name, text) for name, text in recording.sources]
    rules = lab.file
    submission = from_sources(
        recording.submission,
        sources,
        kinds=rules.kinds,
        namespaces=rules.namespaces,
        forms=rules.all_forms,
        builds=rules.kustomize,
    )
    submission = with_draws(lab, submission)
    return Case(key or recording.submission, submission, recording, path)


def recordings_folder(lab_id: str) -> Path:
    """Where recordings of a lab are kept when no other place is named."""
    from cluster.paths import home_dir

    return home_dir() / "recordings" / lab_id


def save_recording(recording: Recording, folder: Path | None) -> Path:
    """Write the recording whole, under a name that sorts by time; returns its path."""
    from grader.model.recording_file import write_recording

    folder = folder or recordings_folder(recording.lab)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be made: {error.strerror}") from error
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() // 1000 % 10**6:06d}"
    who = re.sub(r"[^A-Za-z0-9._-]+", "-", recording.submission).strip("-.") or "submission"
    live = "-live" if recording.live else ""
    path = folder / f"{stamp}{live}-{who[:60]}{SUFFIX}"
    write_recording(recording, path)
    return path


def latest_live(lab: Lab, cluster: str) -> Recording | None:
    """The newest live recording of this lab that saw its workload, or None."""
    from grader.errors import GraderError
    from grader.model.recording_file import read_recording

    del cluster
    for path in sorted(recordings_folder(lab.id).glob(f"*-live-*{SUFFIX}"), reverse=True)[:20]:
        try:
            recording = read_recording(path)
        except GraderError:
            continue
        if any(change.verb == "present" for change in recording.changes):
            return recording
    return None


def without_lists(case: Case) -> Case:
    """The case with only the head of its recording: what its Result says of where it was played."""
    from dataclasses import replace

    recording = case.recording
    if recording is not None:
        recording = replace(recording, changes=[], marks=[], answers=[], logs=[], sources=[])
    return Case(case.id, case.submission, recording, case.path, case.fault, case.unreadable)
