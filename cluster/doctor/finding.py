"""What the doctor says."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["ok", "note", "problem"]


class Finding(BaseModel):
    """One thing that was looked at: what was found, and the command or step that mends it.

    `note` costs something but stops nothing; a `problem` stops what `concerns` names.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    status: Status
    found: str
    fix: str = ""
    concerns: Literal["everything", "kind", "embedded", "bundle"] = "everything"


class Diagnosis(BaseModel):
    """All findings, and what follows from them."""

    model_config = ConfigDict(frozen=True)
    findings: tuple[Finding, ...]
    providers: dict[str, str]
    """Each provider, and why it cannot run; empty where it can."""
    choice: str
    """What `auto` chooses and why, or why nothing can run."""
    healthy: bool
    """Whether labs can be graded on some cluster here."""
