"""`experiment`: apply manifests, play steps, and look at what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from cluster.model import ServerModel
from grader.errors import GraderError
from grader.model.lab import Lab
from grader.model.manifest import SourceFile, Submission
from grader.model.recording import Answer, Mark, Recording
from grader.model.scenario import Step
from grader.notebook import evidence as tables
from grader.notebook.begin import ProgressPane
from grader.notebook.html import Picture, Shown, Table
from grader.notebook.place import Desk, NotebookStop, desk_of, stop
from grader.notebook.words import label, simulated_words

Steps = str | Sequence[str | Mapping[str, Any]]


class Experiment(Shown):
    """What happened: a recording, and ways to look at it. Displays as a summary of its steps."""

    def __init__(self, title: str, recording: Recording) -> None:
        self.title = title
        self.raw = recording

    @cached_property
    def recording(self) -> Any:
        """The recording in the language of the checks: `.during("roll").endpoints("web")` and so
        on, as docs/check-language.md describes it."""
        from grader.judge.language.span import RecordingView

        return RecordingView(self.raw)

    def evidence(self, what: str, of: str | None = None, during: str | None = None) -> Table:
        """A table of what was seen.

        `what` is endpoints (of a Service, over time), replicas (of a Deployment, over time), pods,
        placement (both as they were at the end), causes (why of something is unhealthy),
        answers (of the API server) or logs. `of` narrows
        it to `Kind/name`, or for endpoints names the Service; `during` to one step.
        """
        return tables.evidence(self, what, of, during)

    def events(
        self, about: str = "*", reason: str | None = None, during: str | None = None
    ) -> Table:
        """The events about `Kind/name` (`*` is a wildcard), in their own words."""
        return tables.events(self, about, reason, during)

    def field(self, of: str, path: str, during: str | None = None) -> Table:
        """How a field of `Kind/name` changed: `run.field("Deployment/web", "status.replicas")`."""
        return tables.field(self, of, path, during)

    def timeline(self, title: str = "", workload: str = "") -> Picture:
        """A picture of Pods, endpoints and steps over time; `workload` narrows it to one."""
        from grader.report.timeline import draw_svg, draw_text

        name = title or self.title
        svg = draw_svg(self.raw, title=name, workload=workload)
        return Picture(svg, draw_text(self.raw, title=name, workload=workload))

    @property
    def note(self) -> str:
        """What is real and what is simulated in this evidence."""
        return simulated_words(self.raw.capabilities)

    def html(self) -> str:
        """The steps, how each ended, and what was refused."""
        refused = "".join(
            f'<p><span class="bad">refused</span> {escape(_told(answer))}</p>'
            for answer in self.raw.answers
            if not answer.ok and answer.code
        )
        fault = f'<p class="bad">{escape(self.raw.fault)}</p>' if self.raw.fault else ""
        chips = " ".join(
            f'<span class="tag">{escape(mark.step)} '
            f'<span class="soft">{escape(words)}</span></span>'
            for mark, words in step_ends(self.raw)
        )
        where = f"{self.raw.provider}, {label(self.raw.capabilities)}"
        played = f"played in {self.raw.seconds:.1f} s on {where}"
        head = f'<b>{escape(self.title)}</b> <span class="soft">{escape(played)}</span>'
        return f'<div class="box"><p>{head} {chips}</p>{refused}{fault}</div>'

    def text(self) -> str:
        """The same in lines."""
        where = f"{self.raw.provider}, {label(self.raw.capabilities)}"
        lines = [f"{self.title}: played in {self.raw.seconds:.1f} s on {where}"]
        lines += [f"  {mark.step}: {words}" for mark, words in step_ends(self.raw)]
        lines += [
            f"  refused {_told(answer)}"
            for answer in self.raw.answers
            if not answer.ok and answer.code
        ]
        return "\n".join([*lines, *filter(None, [self.raw.fault])])


def experiment(
    manifests: str | Sequence[str] = (),
    steps: Steps = ("apply",),
    *,
    edit: Mapping[str, str] | None = None,
    title: str = "",
    lab: str | None = None,
    servers: Sequence[Mapping[str, Any]] = (),
) -> Experiment:
    """Apply manifests to the cluster, play steps as lab.yaml writes them, and record it all.

    `manifests` is YAML text, the name of a file (a draft first, else one of your manifests), or a
    list of names; nothing means the whole of your work for this lab. `edit` replaces text that
    occurs once, to ask what if. `servers` adds simulated servers to those of the lab. Every run has
    namespaces of its own, so runs do not disturb each other or you.
    """
    desk = desk_of(lab)
    sources = _edited(_sources(desk, manifests), edit or {})
    try:
        chosen = _steps(steps)
        submission, staged = _stage(desk.lab, sources, chosen, servers)
        return _play(staged, submission, desk.where, title or _title(sources))
    except GraderError as error:
        raise stop(error) from error


def _told(answer: Answer) -> str:
    return ": ".join(filter(None, (tables.asked(answer), answer.message)))


def step_ends(recording: Recording) -> list[tuple[Mark, str]]:
    """Each step's last mark, and in a few words how it ended and how long it took."""
    began: dict[str, float] = {}
    ends: dict[str, Mark] = {}
    for mark in recording.marks:
        if mark.phase == "begin":
            began.setdefault(mark.step, mark.at)
        else:
            ends[mark.step] = mark
    return [(m, f"{m.note}, {m.at - began.get(m.step, m.at):.1f} s") for m in ends.values()]


def _sources(desk: Desk, manifests: str | Sequence[str]) -> list[SourceFile]:
    if isinstance(manifests, str):
        if "\n" in manifests:
            return [SourceFile("cell.yaml", manifests)]
        manifests = [manifests]
    if manifests:
        return [
            SourceFile(f"cell-{number}.yaml", name) if "\n" in name else _file(desk, name)
            for number, name in enumerate(manifests, 1)
        ]
    found = sorted(p for p in desk.work.rglob("*") if _is_work(p.relative_to(desk.work)))
    if not found:
        raise NotebookStop(
            f"There are no manifests in {desk.work} yet.", "Run the %%manifest cells above first."
        )
    return [SourceFile(str(path.relative_to(desk.work)), _read(path)) for path in found]


def _is_work(path: Path) -> bool:
    """Whether a file below the work folder is the learner's: not what a cell has set aside."""
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix in (".yaml", ".yml", ".json") and not hidden


def _file(desk: Desk, name: str) -> SourceFile:
    for folder in (desk.drafts, desk.work):
        path = folder / name
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return SourceFile(name, _read(path))
    raise NotebookStop(
        f"There is no manifest {name} yet.", f"Run the cell that begins with %%draft {name} first."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookStop(f"{path} cannot be read: {error}") from error


def _edited(sources: list[SourceFile], edit: Mapping[str, str]) -> list[SourceFile]:
    for find, replace in edit.items():
        count = sum(source.text.count(find) for source in sources)
        if count != 1:
            raise NotebookStop(
                f"The text to replace, {find!r}, occurs {count} times.",
                "Name a text that occurs exactly once.",
            )
        sources = [SourceFile(s.path, s.text.replace(find, replace)) for s in sources]
    return sources


def _steps(steps: Steps) -> tuple[Step, ...]:
    import yaml
    from pydantic import ValidationError

    try:
        written = yaml.safe_load(steps) if isinstance(steps, str) else list(steps)
        if isinstance(written, (str, dict)):
            written = [written]
        return tuple(Step.model_validate(step) for step in written or ["apply"])
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise NotebookStop(f"The steps cannot be read: {error}") from error


def _stage(
    lab: Lab, sources: list[SourceFile], steps: tuple[Step, ...], servers: Sequence[Any]
) -> tuple[Submission, Lab]:
    """The submission, and the lab with the experiment's steps, namespaces and servers."""
    from grader.load import from_sources

    rules = lab.file
    submission = from_sources("experiment", sources, kinds=rules.kinds, forms=rules.all_forms)
    found = dict.fromkeys(m.namespace for m in submission.manifests if m.namespace)
    more = tuple(ServerModel.model_validate(server) for server in servers)
    file = lab.file.model_copy(
        update={
            "scenario": steps,
            "namespaces": tuple(found) or lab.file.namespaces,
            "servers": (*lab.file.servers, *more),
        }
    )
    return submission, lab.model_copy(update={"file": file})


def _play(lab: Lab, submission: Submission, where: str, title: str) -> Experiment:
    from cluster.model import ProgressEvent
    from grader.grading.grade import Options, play

    with ProgressPane(f"Playing {title}") as pane:

        def on_step(step: str, what: str) -> None:
            state = "running" if what == "begin" else "done"
            pane(ProgressEvent(step, state, "" if what == "begin" else what))  # type: ignore[arg-type]

        run = Experiment(title, play(lab, submission, Options(where=where), pane, on_step))
        pane.close(run)
    return run


def _title(sources: Sequence[SourceFile]) -> str:
    names = [source.path for source in sources]
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
