"""What every action of a scenario has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ObjectRef = Annotated[str, Field(pattern=r"^[A-Za-z]+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""`Kind/name`, for example `Deployment/sentiment-inference`."""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A name as Services and namespaces have it."""


class Action(BaseModel):
    """What a step does. Every action settles afterwards, unless it says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settle: bool = Field(default=True, description="Wait until the cluster has settled afterwards.")
    within: float = Field(default=180, gt=0, description="Longest wait, in seconds of real life.")
    namespace: str | None = Field(
        default=None, description="Where the object is; the lab's first namespace if not said."
    )
