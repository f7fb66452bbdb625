"""One thing to judge: a submission, and the recording of what it did, if there is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cluster.model import Capabilities
from grader.model.manifest import Submission
from grader.model.recording import Recording
from grader.model.result import Needs


@dataclass
class Case:
    """What the checks of one submission run on. `path` is where its recording is kept.

    `unreadable` says why the files cannot be read at all; then no check is examined.
    """

    id: str
    submission: Submission
    recording: Recording | None = None
    path: Path | None = None
    fault: str = field(default="")
    unreadable: str = field(default="")

    @cached_property
    def manifests(self) -> Any:
        """The fixture `manifests`."""
        from grader.judge.language.manifests import Manifests

        return Manifests(self.submission)

    @cached_property
    def view(self) -> Any:
        """The fixture `recording`; call only where there is one."""
        from grader.judge.language.span import RecordingView

        assert self.recording is not None  # noqa: S101 - the judge asks `why_not` first
        return RecordingView(self.recording)

    def source(self, needs: Needs) -> str | None:
        """Whether evidence of this kind is `real`, `simulated` or (None) not to be had here."""
        if needs == "manifests":
            return "real"
        capabilities = self.recording.capabilities if self.recording else Capabilities()
        found: str | None = getattr(capabilities, needs.replace("-", "_"))
        return found

    def broken(self) -> str:
        """Why the evidence is incomplete, or an empty string."""
        return self.fault or (self.recording.fault if self.recording else "")
