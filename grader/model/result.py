"""The result of judging one submission: what `check --json` prints and every report renders.

The JSON Schema generated from `Result` is committed as docs/result.schema.json and tested.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["passed", "failed", "blocked", "not_provable", "error"]
Needs = Literal["manifests", "control-plane", "kubelet", "load", "containers"]

NEEDS_ORDER: tuple[Needs, ...] = ("manifests", "control-plane", "kubelet", "load", "containers")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Evidence(_Model):
    """One observed fact. `where` is `file:line`, or an object and the second of the recording."""

    text: str
    where: str = ""
    simulated: bool = False


class CheckResult(_Model):
    """The verdict of one check. `earned` is 0 unless the check passed or grants a part."""

    id: str
    title: str
    status: Status
    points: float = Field(ge=0)
    earned: float = Field(ge=0)
    needs: Needs
    expected: str = ""
    observed: str = ""
    evidence: list[Evidence] = Field(default_factory=list)
    causes: list[str] = Field(
        default_factory=list, description="Cause chain, first cause first; each one sentence."
    )
    hint: str = ""
    seconds: float = 0.0


class ClusterInfo(_Model):
    """Where the evidence came from. `provider` is `none` for a verdict from files only."""

    provider: str
    kubernetes: str | None = None
    simulated: list[str] = Field(default_factory=list)
    time_factor: float = 1.0
    size_factor: float = 1.0


class Versions(_Model):
    """Versions that produced the result; `lab` is the digest of the lab's checks and scenario."""

    mlk8s: str
    format: Literal["mlk8s-result/1"] = "mlk8s-result/1"
    lab: str


class Result(_Model):
    """One submission judged.

    `score` of `max_score` points; `provable_max` leaves out what this cluster cannot prove.
    `complete` is False when a check ended in `error`: then the score is not a verdict.
    """

    lab: str
    submission: str
    digest: str
    cluster: ClusterInfo
    score: float
    max_score: float
    provable_max: float
    complete: bool
    checks: list[CheckResult]
    problems: list[str] = Field(
        default_factory=list, description="What is wrong with the files, as `file:line: sentence`."
    )
    recording: str | None = None
    versions: Versions

    @property
    def passed(self) -> bool:
        """All that could be proven passed, and something was proven."""
        proven = [c for c in self.checks if c.status != "not_provable"]
        return self.complete and bool(proven) and all(c.status == "passed" for c in proven)
