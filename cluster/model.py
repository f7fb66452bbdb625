"""The data that every provider shares: what a cluster should look like and what it can prove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cluster.quantity import number

KUBERNETES_VERSION = "1.35.4"
"""The one setting for the version; `cluster/tools/kubernetes/go.mod` must agree (tested)."""

QUOTA_SYNC = "20s"
"""How often the controller manager counts quotas anew. On a busy machine it may count from a list
that is behind, and lower what admission has just counted; with five minutes, the default, it
stays wrong for longer than a run."""

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

# Two nodes carry the Pods of many runs at once, more than the 110 that a kubelet usually takes.
DEFAULT_NODES: tuple[NodeSpec, ...] = (
    NodeSpec(name="cpu-worker-1", pods=500),
    NodeSpec(name="cpu-worker-2", pods=500),
    NodeSpec(name="gpu-worker", gpus=1, labels={"accelerator": "nvidia-a100"}, taints=(GPU_TAINT,)),
)

Seconds = Annotated[float, Field(ge=0)]
ExitCode = Annotated[int, Field(ge=0, le=255)]


def _positive(text: str) -> str:
    if number(text) < 0:
        raise ValueError("a quantity here is not negative")
    return text


Quantity = Annotated[str, BeforeValidator(str), AfterValidator(_positive)]
"""A quantity as Kubernetes writes it, for example `1500Mi`."""


class Memory(_Spec):
    """How much memory one container of a simulated server takes in the course of a run.

    `load` is the peak while the model is read, reached shortly before loading ends; `rest` is what
    it holds from then on. Each batch adds `per_item` for each of its items: as many as the
    container's environment variable `batch_env` says, else `batch`. The first batch runs
    `first_batch` seconds after loading; 0 means a warm-up before the server is ready. From then on
    `leak_per_minute` is added every minute. A container that needs more than it may have is
    OOMKilled; one whose `load` and `rest` are both None never is.
    """

    load: Quantity | None = None
    rest: Quantity | None = None
    per_item: Quantity = "0"
    batch: int = Field(default=1, ge=0)
    batch_env: str = "BATCH_SIZE"
    first_batch: Seconds = 0.0
    leak_per_minute: Quantity = "0"


class IndexFailure(_Spec):
    """One index of an Indexed Job that fails: `times` attempts of it, or every one where None."""

    index: int = Field(ge=0)
    exit_code: int = Field(default=1, ge=1, le=255)
    times: int | None = Field(default=None, ge=1)


class ServerModel(_Spec):
    """How the containers of one image behave where containers are simulated.

    A lab declares these in lab.yaml, so that behaviour is data. All times are seconds of a real
    machine; a simulated cluster multiplies them by its one time factor.

    `image` is a repository without tag; `tags` are those that exist (another tag cannot be pulled,
    an empty tuple means that any tag exists); `containers` narrows the model to containers (also
    init containers) of these names. `ready` paths answer 200 once the model is loaded and
    503 before; `live` paths answer 200 as soon as the process listens. Any other path answers 404,
    any other port refuses. `runs_for` is set for finite work: the container ends with `exit_code`
    after so long; None means that it runs until stopped (a Job's Pod can still be told to finish).
    An init container without `runs_for` works for a second.

    `crash_after` ends a run with `crash_code` so long after its start: each run, or only the first
    `crashes` ones. `expects` are texts of which each must stand somewhere in the container's
    command, arguments or environment, or its work ends with `crash_code`. `index_failures` says
    which indexes of an Indexed Job fail.

    On SIGTERM a process either ends in order ("exit", code 0), or is ended by the signal ("die",
    code 143), both after `stops_in` seconds, or pays no heed to it ("ignore", killed with code 137
    at the end of its grace). None: "exit" in Pods that restart always, "die" in finite work.

    `cpu_per_request` is in millicore-seconds, `cpu_idle` in millicores: a replica that gets R
    requests a second uses `cpu_idle + R * cpu_per_request` millicores, up to its CPU limit.

    `says` are the first lines of its log, `last_words` the last before a crash.
    """

    image: str
    tags: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    port: int | None = None
    load: Seconds = 0.0
    ready: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    runs_for: Seconds | None = None
    exit_code: ExitCode = 0
    crash_after: Seconds | None = None
    crash_code: int = Field(default=1, ge=1, le=255)
    crashes: int | None = Field(default=None, ge=1)
    expects: tuple[str, ...] = ()
    index_failures: tuple[IndexFailure, ...] = ()
    sigterm: Literal["exit", "die", "ignore"] | None = None
    stops_in: Seconds = 2.0
    memory: Memory = Memory()
    cpu_per_request: float = Field(default=0.0, ge=0)
    cpu_idle: float = Field(default=1.0, ge=0)
    says: tuple[str, ...] = ()
    last_words: tuple[str, ...] = ()


AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class VolumeSpec(_Spec):
    """A PersistentVolume that is there before anybody claims it, and again once it is released."""

    name: str
    capacity: Quantity
    access_modes: tuple[AccessMode, ...] = ("ReadWriteOnce",)
    storage_class: str = "standard"
    labels: dict[str, str] = Field(default_factory=dict)


class ClusterSpec(_Spec):
    """A wanted cluster. `name` must be a DNS label; it also names the cluster's state folder.

    Every cluster has a default StorageClass `standard` that provisions ReadWriteOnce volumes once
    a Pod needs them; `volumes` are PersistentVolumes made beforehand.

    `sized`: real nodes offer their Pods what `nodes` say. Where the machine is smaller, all nodes
    offer the same fraction of it, which the cluster's capabilities state as `size_factor`.
    """

    name: str = Field(default="mlk8s", pattern=r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$")
    nodes: tuple[NodeSpec, ...] = DEFAULT_NODES
    servers: tuple[ServerModel, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    sized: bool = False


class Capabilities(_Spec):
    """What evidence a running cluster can supply, and whether it is real or simulated.

    `load` says whether a request rate can be put on a Service (`Provider.load`).
    `network_policy`: whether the network really refuses what a NetworkPolicy forbids.
    `time_factor` multiplies every simulated duration (0.05: twenty times faster than life); 1.0
    where containers are real. `size_factor` multiplies every amount of CPU and memory (0.025: a
    fortieth), because the machine is smaller than what the lab asks for; what is recorded has the
    lab's own amounts. `too_small` says why a machine could prove nothing of what it otherwise can.
    """

    control_plane: Source | None = None
    kubelet: Source | None = None
    containers: Source | None = None
    load: Source | None = None
    network_policy: Source | None = None
    time_factor: float = 1.0
    size_factor: float = Field(default=1.0, gt=0, le=1)
    too_small: str = ""


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
