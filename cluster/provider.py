"""The protocol that every provider of clusters implements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cluster.model import Capabilities, ClusterSpec, ClusterStatus, Progress, ServerModel, silent


class Provider(Protocol):
    """Creates, finds and removes clusters of one kind.

    Every method raises `cluster.errors.ClusterError` or a subclass, never a bare OSError or
    CalledProcessError. Methods are synchronous and safe to call from several processes at once.
    """

    name: str

    def available(self) -> str | None:
        """None if this machine can run the provider, else the reason in one sentence."""
        ...

    def create(self, spec: ClusterSpec, progress: Progress = silent) -> ClusterStatus:
        """Bring the cluster up, or repair and return it if it is there already (idempotent)."""
        ...

    def delete(self, name: str, progress: Progress = silent) -> bool:
        """Remove exactly this cluster; True if there was one."""
        ...

    def status(self, name: str) -> ClusterStatus:
        """What is there now; asks the API server, does not trust files."""
        ...

    def names(self) -> list[str]:
        """Clusters that this provider has on this machine."""
        ...

    def kubeconfig(self, name: str) -> Path:
        """A kubeconfig of the cluster's own, mode 0600; never the user's default one."""
        ...

    def capabilities(self, name: str) -> Capabilities:
        """What this running cluster can prove."""
        ...

    def teach(self, name: str, servers: tuple[ServerModel, ...]) -> None:
        """Make the cluster know these simulated servers; no effect where containers are real."""
        ...

    def load(self, name: str, namespace: str, service: str, rate: float) -> None:
        """Put so many requests a second on a Service; 0 takes them away.

        Raises Unsupported where load cannot be simulated: send real requests there.
        """
        ...

    def kill(self, name: str, node: str, container_id: str, code: int) -> None:
        """End the process of a container, by the id that its Pod shows, so that it exits with code.

        Raises Unsupported where processes are simulated, or for a code that no signal stands for.
        """
        ...

    def queue(
        self,
        name: str,
        namespace: str,
        metric: str,
        value: float,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Set an external metric of a namespace, such as a queue's length.

        Raises Unsupported where nothing serves external metrics.
        """
        ...
