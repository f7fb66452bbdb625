"""The data that every provider shares: what a cluster should look like and what it can prove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

KUBERNETES_VERSION = "1.35.4"
"""The one setting for the version; `cluster/tools/kubernetes/go.mod` must agree (tested)."""

Source = Literal["real", "simulated"]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Taint(_Spec):
    """A node taint, in the API's own field names."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class NodeSpec(_Spec):
    """One worker node. `cpu` and `memory` are quantities, `gpus` counts `nvidia.com/gpu`."""

    name: str
    cpu: str = "32"
    memory: str = "256Gi"
    pods: int = 110
    gpus: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


GPU_TAINT = Taint(key="nvidia.com/gpu", value="present")

DEFAULT_NODES: tuple[NodeSpec, ...] = (
    NodeSpec(name="cpu-worker-1"),
    NodeSpec(name="cpu-worker-2"),
    NodeSpec(name="gpu-worker", gpus=1, labels={"accelerator": "nvidia-a100"}, taints=(GPU_TAINT,)),
)

Seconds = Annotated[float, Field(ge=0)]


class ServerModel(_Spec):
    """How the containers of one image behave where containers are simulated.

    A lab declares these in lab.yaml, so that behaviour is data. All times are seconds of a real
    machine; a simulated cluster multiplies them by its one time factor.

    `image` is a repository without tag; `tags` are those that exist (another tag cannot be pulled,
    an empty tuple means that any tag exists). `ready` paths answer 200 once the model is loaded and
    503 before; `live` paths answer 200 as soon as the process listens. Any other path answers 404,
    any other port refuses. `runs_for` is set for finite work: the container exits 0 after so long;
    None means that it runs until stopped (a Job's Pod can still be told to finish).
    """

    image: str
    tags: tuple[str, ...] = ()
    port: int | None = None
    load: Seconds = 0.0
    ready: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    runs_for: Seconds | None = None


class ClusterSpec(_Spec):
    """A wanted cluster. `name` must be a DNS label; it also names the cluster's state folder."""

    name: str = Field(default="mlk8s", pattern=r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$")
    nodes: tuple[NodeSpec, ...] = DEFAULT_NODES
    servers: tuple[ServerModel, ...] = ()


class Capabilities(_Spec):
    """What evidence a running cluster can supply, and whether it is real or simulated.

    `network_policy`: whether the network really refuses what a NetworkPolicy forbids.
    `time_factor` multiplies every simulated duration (0.05: twenty times faster than life); 1.0
    where containers are real.
    """

    control_plane: Source | None = None
    kubelet: Source | None = None
    containers: Source | None = None
    network_policy: Source | None = None
    time_factor: float = 1.0


class ClusterStatus(_Spec):
    """One cluster as it is now. `detail` is one sentence for a person."""

    name: str
    provider: str
    running: bool
    kubernetes_version: str | None = None
    kubeconfig: Path | None = None
    detail: str = ""
    capabilities: Capabilities = Capabilities()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgressEvent:
    """One line of bring-up: `action` is the stable headline ("Building kube-apiserver"), `fraction`
    is 0..1 where known, `remaining` is an estimate in seconds where honest."""

    action: str
    state: Literal["started", "running", "done", "failed"]
    detail: str = ""
    fraction: float | None = None
    remaining: float | None = None
    extra: dict[str, str] = field(default_factory=dict)


Progress = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """A Progress that shows nothing."""
