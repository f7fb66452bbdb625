"""The provider that needs nothing but Python: a real control plane as local processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cluster.api import Access, Api
from cluster.binaries import ensure
from cluster.embedded import bringup, nodes, simulation
from cluster.embedded.config import Tools
from cluster.embedded.health import prove_alive
from cluster.embedded.metrics import load, ready
from cluster.embedded.state import DEFAULT_TIME_FACTOR, Folder, Owner, Record, folders
from cluster.embedded.storage import volumes
from cluster.errors import ClusterDown, ClusterError, Unsupported
from cluster.locks import as_cluster_error
from cluster.model import (
    KUBERNETES_VERSION,
    Capabilities,
    ClusterSpec,
    ClusterStatus,
    Progress,
    ProgressEvent,
    ServerModel,
    silent,
)
from cluster.processes import alive


def _factor_from_environment() -> float | None:
    text = os.environ.get("MLK8S_TIME_FACTOR", "")
    if not text:
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0.001 <= factor <= 1.0:
        raise ClusterError(f"MLK8S_TIME_FACTOR must be between 0.001 and 1, not {text!r}.")
    return factor


ATTEMPTS = 3
"""How often a cluster is started whose components end at once."""


@contextlib.contextmanager
def _removed_unless_complete(folder: Folder) -> Iterator[None]:
    """Leave nothing of a cluster whose making failed or was interrupted.

    Should even this fail, the next create finds "creating" and cleans up.
    """
    try:
        yield
    except BaseException:
        record = folder.read()
        if record is not None and record.phase == "creating":
            with contextlib.suppress(ClusterError):
                bringup.destroy(folder)
        raise


class EmbeddedProvider:
    """Clusters of real etcd, API server, scheduler and controllers with simulated nodes.

    `time_factor` multiplies every simulated duration of clusters that this provider creates;
    default is the environment's `MLK8S_TIME_FACTOR`, else 0.05.
    """

    name = "embedded"

    def __init__(self, time_factor: float | None = None) -> None:
        self._time_factor = time_factor

    def _wanted_factor(self) -> float | None:
        """The time factor that was asked for; None where a running cluster may keep its own."""
        return self._time_factor or _factor_from_environment()

    def available(self) -> str | None:
        """None if this machine can run it, else the reason in one sentence."""
        if os.name != "posix":
            return "The embedded control plane runs on Linux and macOS only."
        return None

    def create(self, spec: ClusterSpec, progress: Progress = silent) -> ClusterStatus:
        """Bring the cluster up, or repair what is there and bring it in line with `spec`.

        Raises ClusterBusy, ToolUnavailable or another ClusterError.
        """
        with as_cluster_error():
            return self._create(spec, progress, owner=None)

    def create_owned(
        self, spec: ClusterSpec, owner: Owner, progress: Progress = silent
    ) -> ClusterStatus:
        """Like `create`, for a throw-away cluster: it is reaped once its owner has ended."""
        with as_cluster_error():
            return self._create(spec, progress, owner)

    def _create(self, spec: ClusterSpec, progress: Progress, owner: Owner | None) -> ClusterStatus:
        if reason := self.available():
            raise ClusterError(reason)
        tools = Tools.from_paths(ensure(progress=progress))
        self.reap()
        folder = Folder(spec.name)
        record = Record(
            phase="creating",
            spec=spec,
            kubernetes_version=KUBERNETES_VERSION,
            time_factor=self._wanted_factor() or DEFAULT_TIME_FACTOR,
            owner=owner,
        )
        with folder.locked():
            old = folder.read()
            if old is not None and self._wanted_factor() is None:
                record = record.model_copy(update={"time_factor": old.time_factor})
            with _removed_unless_complete(folder):
                self._bring_up(folder, old, record, tools, progress)
        return self.status(spec.name)

    def _bring_up(
        self, folder: Folder, old: Record | None, new: Record, tools: Tools, progress: Progress
    ) -> None:
        """Use what is there or start anew, and again where a component ends right after that."""
        serves = self._keep(folder, old, new, tools, progress)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if not serves:
                    self._start(folder, new, tools, progress)
                self._bring_in_line(folder, new, progress)
                return
            except bringup.ComponentEnded as error:
                if attempt == ATTEMPTS:
                    raise
                # Another port needs all to be made anew; what gave up is just started again.
                clash = isinstance(error, bringup.PortTaken)
                mendable = not clash and bringup.were_all_started(folder)
                serves = mendable and self._mend(folder, tools, progress)

    def _keep(
        self, folder: Folder, old: Record | None, new: Record, tools: Tools, progress: Progress
    ) -> bool:
        """Whether what is there can serve; restarts components that have ended."""
        if old is None or old.phase != "ready" or not folder.internal_kubeconfig.exists():
            return False
        if (old.kubernetes_version, old.time_factor) != (new.kubernetes_version, new.time_factor):
            return False
        with Api(Access.read(folder.internal_kubeconfig)) as api:
            if api.ready() and len(folder.processes()) >= _PROCESSES:
                return True
        return self._mend(folder, tools, progress)

    def _mend(self, folder: Folder, tools: Tools, progress: Progress) -> bool:
        """Start what has ended; False where everything has to be made anew."""
        action = f"Restarting the control plane of {folder.name}"
        progress(ProgressEvent(action, "started"))
        try:
            bringup.restart(folder, tools)
        except ClusterError as error:
            progress(ProgressEvent(action, "failed", str(error)))
            return False
        progress(ProgressEvent(action, "done"))
        return True

    def _start(self, folder: Folder, record: Record, tools: Tools, progress: Progress) -> None:
        action = f"Starting the control plane of {folder.name}"
        progress(ProgressEvent(action, "started"))
        bringup.destroy(folder)
        folder.write(record)
        try:
            bringup.start_fresh(folder, tools, record.kubernetes_version, record.time_factor)
        except BaseException as error:
            progress(ProgressEvent(action, "failed", str(error)))
            raise
        progress(ProgressEvent(action, "done"))

    def _bring_in_line(self, folder: Folder, record: Record, progress: Progress) -> None:
        action = "Preparing nodes"
        progress(ProgressEvent(action, "started"))
        folder.write_kubeconfig()
        try:
            self._prepare(folder, record)
        except ClusterError as error:
            progress(ProgressEvent(action, "failed", str(error)))
            bringup.raise_if_dead(folder)  # then that is why
            raise
        bringup.raise_if_dead(folder)
        folder.write(record.model_copy(update={"phase": "ready"}))
        progress(ProgressEvent(action, "done", f"{len(record.spec.nodes)} nodes Ready"))

    def _prepare(self, folder: Folder, record: Record) -> None:
        spec = record.spec
        with Api(Access.read(folder.internal_kubeconfig)) as api:
            nodes.reconcile(api, spec.nodes)
            simulation.store(api, spec.servers, record.time_factor)
            bringup.start_kubelet(folder)
            volumes.reconcile(api, spec.volumes)
            nodes.wait_ready(api, tuple(node.name for node in spec.nodes))
            simulation.wait_observed(api)
            prove_alive(api)
            ready.wait_available(api)

    def delete(self, name: str, progress: Progress = silent) -> bool:
        """Remove exactly this cluster: its processes and its folder. True if there was one."""
        folder = Folder(name)
        if not folder.exists() and not folder.processes():
            return False
        action = f"Removing the cluster {name}"
        progress(ProgressEvent(action, "started"))
        with as_cluster_error(), folder.locked():
            there = folder.exists()
            bringup.destroy(folder)
        folder.forget_lock()
        progress(ProgressEvent(action, "done"))
        return there

    def status(self, name: str) -> ClusterStatus:
        """What is there now, as the API server says."""
        folder = Folder(name)
        record = folder.read()
        base = ClusterStatus(name=name, provider=self.name, running=False)
        if record is None:
            return base.model_copy(update={"detail": f"There is no cluster {name}."})
        if record.phase == "creating":
            detail = f"The cluster {name} is being created, or its creation was interrupted."
            return base.model_copy(update={"detail": detail})
        try:
            with Api(Access.read(folder.internal_kubeconfig), timeout=3) as api:
                if not api.ready():
                    raise ClusterDown("not ready")
                version = api.version()
                names = tuple(n["metadata"]["name"] for n in api.items(nodes.NODES))
        except ClusterError:
            detail = f"The control plane of {name} does not answer."
            return base.model_copy(update={"detail": detail, "kubeconfig": folder.kubeconfig})
        return ClusterStatus(
            name=name,
            provider=self.name,
            running=True,
            kubernetes_version=version,
            kubeconfig=folder.kubeconfig,
            detail=f"Kubernetes {version} with {len(names)} simulated nodes.",
            capabilities=self._capabilities(record),
            nodes=names,
        )

    def names(self) -> list[str]:
        """Clusters of this provider on this machine, running or not."""
        return [folder.name for folder in folders()]

    def kubeconfig(self, name: str) -> Path:
        """The cluster's own kubeconfig. Raises ClusterDown if there is no such cluster."""
        folder = Folder(name)
        if not folder.kubeconfig.exists():
            raise ClusterDown(f"There is no cluster {name}.", "mlk8s up")
        return folder.kubeconfig

    def capabilities(self, name: str) -> Capabilities:
        """What this cluster can prove. Raises ClusterDown if there is no such cluster."""
        record = Folder(name).read()
        if record is None:
            raise ClusterDown(f"There is no cluster {name}.", "mlk8s up")
        return self._capabilities(record)

    def teach(self, name: str, servers: tuple[ServerModel, ...]) -> None:
        """Make the running cluster know these simulated servers, at once and for new containers.

        Servers of other images that it already knows stay; those of the same image are replaced.
        """
        with self.api(name) as api:
            simulation.teach(api, servers)
            simulation.wait_observed(api)

    def load(self, name: str, namespace: str, service: str, rate: float) -> None:
        """Put so many requests a second on a Service of the running cluster; 0 takes them away.

        They spread evenly over its ready endpoints. Returns once the metrics APIs know it.
        """
        if rate < 0:
            raise ClusterError(f"A request rate is not negative: {rate:g}.")
        with self.api(name) as api:
            load.put_rate(api, namespace, service, rate)

    def kill(self, name: str, node: str, container_id: str, code: int) -> None:  # noqa: ARG002
        """Always Unsupported: a simulated container is told to die by an annotation."""
        raise Unsupported(f"{name} has no process {container_id}: its containers are simulated.")

    def queue(
        self,
        name: str,
        namespace: str,
        metric: str,
        value: float,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Set an external metric of a namespace, such as a queue's length."""
        try:
            queue = load.Queue(metric=metric, value=value, labels=dict(labels or {}))
        except ValueError as error:
            raise ClusterError(f"This is no queue: {error}") from error
        with self.api(name) as api:
            load.put_queue(api, namespace, queue)

    def api(self, name: str) -> Api:
        """A client with the rights of an administrator. Raises ClusterDown without a cluster."""
        self.kubeconfig(name)
        return Api(Access.read(Folder(name).internal_kubeconfig))

    def reap(self) -> list[str]:
        """Remove throw-away clusters whose owner has ended; returns their names."""
        gone = []
        for folder in folders():
            record = folder.read()
            if record is None or record.owner is None:
                continue
            if alive(record.owner.pid, record.owner.started):
                continue
            with contextlib.suppress(ClusterError), folder.locked(seconds=0):
                bringup.destroy(folder)
                gone.append(folder.name)
            if folder.name in gone:
                folder.forget_lock()
        return gone

    def _capabilities(self, record: Record) -> Capabilities:
        return Capabilities(
            control_plane="real",
            kubelet="simulated",
            load="simulated",
            time_factor=record.time_factor,
        )


_PROCESSES = 6
"""etcd, API server, controller manager, scheduler, kwok, simulated kubelet."""
