"""A lab: its lab.yaml, and the folders that belong to it."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.crds.catalog import CrdSetName
from cluster.model import DEFAULT_NODES, NodeSpec, ServerModel, VolumeSpec
from grader.model.scenario import Apply, Drain, Step

DEFAULT_KINDS: tuple[str, ...] = (
    "Namespace",
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Pod",
    "Deployment",
    "StatefulSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
)
"""Kinds that a submission may hold where lab.yaml does not say otherwise: none reaches beyond its
own namespaces."""


DRAWS_FILE = "draws.yaml"
"""The choices of a seeded lab; see `grader.model.draws`."""

SEED_FILE = "seed.yaml"
"""The file of a submission to a seeded lab that holds its seed, as `seed: k7f3wq`."""


class LabVolume(VolumeSpec):
    """A PersistentVolume that each run gets for itself, kept for one claim.

    `claim` is the name of the only claim that can be bound to it, in `namespace`: the lab's first
    one if not said. On the cluster its name is followed by the run's.
    """

    claim: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    namespace: str | None = None


class LabFile(BaseModel):
    """What lab.yaml holds. Unknown keys are an error, so that a typing slip is found at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=8)
    section: str = Field(pattern=r"^\d\d$")
    minutes: int = Field(ge=5, le=120)
    summary: str = Field(
        min_length=20, description="One sentence: what the learner will have proven."
    )
    isolation: Literal["namespace", "cluster"] = "namespace"
    at_once: int = Field(
        default=16, ge=1, description="Plays for which the shared cluster has room side by side."
    )
    namespaces: tuple[str, ...] = Field(min_length=1)
    kinds: tuple[str, ...] = DEFAULT_KINDS
    forms: tuple[str, ...] = Field(
        default=(), description="Patterns of the submission's YAML files that hold no objects."
    )
    kustomize: dict[str, str] = Field(
        default={},
        description="Kustomize trees of the submission that are built: name -> folder.",
    )
    seeded: bool = Field(
        default=False,
        description="Whether each learner's case is drawn: draws.yaml holds the choices.",
    )
    crds: tuple[CrdSetName, ...] = Field(
        default=(), description="Custom resource definitions that the cluster must have."
    )
    nodes: tuple[NodeSpec, ...] = DEFAULT_NODES
    servers: tuple[ServerModel, ...] = ()
    volumes: tuple[LabVolume, ...] = Field(
        default=(), description="PersistentVolumes that are there before the scenario begins."
    )
    scenario: tuple[Step, ...] = Field(min_length=1)
    clusters: tuple[Literal["embedded", "kind"], ...] = Field(
        default=("embedded",),
        min_length=1,
        description="Where the lab's whole corpus gets the verdicts that it must.",
    )
    live: bool = Field(
        default=False, description="Whether `check --live` makes sense for this lab."
    )

    @property
    def all_forms(self) -> tuple[str, ...]:
        """Patterns of every file that holds no objects, the seed's included."""
        return (*self.forms, SEED_FILE) if self.seeded else self.forms

    @model_validator(mode="after")
    def _names_are_unique(self) -> LabFile:
        names = [step.name for step in self.scenario if step.name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two steps are called {twice[0]!r}: give one a name with `as`")
        return self

    @model_validator(mode="after")
    def _builds_are_named(self) -> LabFile:
        wanted = {s.action.build for s in self.scenario if isinstance(s.action, Apply)} - {None}
        if unknown := sorted(wanted - self.kustomize.keys(), key=str):
            raise ValueError(f"apply names the build {unknown[0]!r}, which kustomize does not")
        return self

    @model_validator(mode="after")
    def _volumes_are_for_own_namespaces(self) -> LabFile:
        for volume in self.volumes:
            if volume.namespace not in (None, *self.namespaces):
                raise ValueError(f"volume {volume.name!r} is for a namespace that is not the lab's")
        return self

    @model_validator(mode="after")
    def _whole_nodes_are_nobody_elses(self) -> LabFile:
        drains = [s.action for s in self.scenario if isinstance(s.action, Drain)]
        if self.isolation != "cluster" and any(drain.nodes for drain in drains):
            raise ValueError("draining nodes needs isolation: cluster; drain a workload with `of`")
        return self


class Lab(BaseModel):
    """One lab of the course: `id` is its folder's name, `number` its two digits."""

    model_config = ConfigDict(frozen=True)

    id: str
    root: Path
    file: LabFile
    solution: Path
    submissions: Path | None = None

    @property
    def number(self) -> str:
        """The leading digits of the id: "14"."""
        return self.id.split("-", 1)[0]

    @property
    def slug(self) -> str:
        """The id without its number: "local-inference-mock"."""
        return self.id.split("-", 1)[1]

    @property
    def starter(self) -> Path:
        """Folder of the files that the learner begins with."""
        return self.root / "starter"

    @property
    def readme(self) -> Path:
        """The task."""
        return self.root / "README.md"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the lab's scenario and checks: what a verdict depends on."""
        digest = hashlib.sha256()
        drawn = sorted(self.starter.rglob("*.yaml")) if self.file.seeded else []
        draws = [self.root / DRAWS_FILE, *drawn] if self.file.seeded else []
        for path in (self.root / "lab.yaml", *self.check_files, *draws):
            content = path.read_bytes() if path.is_file() else b""
            digest.update(f"{path.name} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    @property
    def check_files(self) -> list[Path]:
        """The lab's pytest files, in order of name."""
        return sorted(self.root.glob("test_*.py"))


LAB_FOLDER = re.compile(r"^\d\d-[a-z0-9]+(?:-[a-z0-9]+)*$")
