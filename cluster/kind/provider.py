"""The provider of real containers: kind, on Docker or podman."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from cluster.api import Api
from cluster.binaries import ensure, missing
from cluster.bundle.registry import NODE_IMAGE as OFFICIAL
from cluster.bundle.source.lab import LOAD
from cluster.bundle.store import Store
from cluster.errors import CannotProvide, ClusterDown, ClusterError, Unsupported
from cluster.kind import addons, images, nodes, probe, sizes, state, traffic
from cluster.kind.bringup import Kind
from cluster.kind.config import kind_config
from cluster.kind.engine import Container, Engine, find_engine
from cluster.kind.machine import may_raise_limits, too_weak
from cluster.kind.state import Folder, Record
from cluster.locks import as_cluster_error
from cluster.model import (
    Capabilities,
    ClusterSpec,
    ClusterStatus,
    Progress,
    ProgressEvent,
    ServerModel,
    silent,
)

LABS = "mlk8s-lab"
"""How clusters for labs with nodes of their own are called; numbered from the second on."""
MODULES = Path("/lib/modules")
_NODES_SECONDS = 180.0
_PROBE_SECONDS = 60.0
_OWN, _OWN_OFFICIAL = (0.01, 16 << 20), (0.1, 50 << 20)
"""CPU and memory that the network's Pod requests on each node."""


class KindProvider:
    """Clusters of containers: a control plane and a worker for each node of the spec."""

    name = "kind"

    def available(self) -> str | None:
        """None if this machine can run it, else the reason in one sentence."""
        if os.name != "posix":
            return "kind clusters are supported on Linux and macOS only."
        try:
            engine = find_engine()
        except CannotProvide as error:
            return str(error)
        if os.uname().sysname == "Linux" and engine.name == "podman" and not MODULES.is_dir():
            return f"{MODULES} does not exist, and nodes need it: `sudo mkdir -p {MODULES}`."
        return None

    def image_at_hand(self) -> str:
        """The node image that a cluster could start from at once; empty if one must be fetched."""
        try:
            return images.at_hand() or images.at_hand(find_engine())
        except ClusterError:
            return ""

    def not_at_once(self) -> str:
        """Why a cluster could not be there within a minute or two, in words that follow "but"; or
        nothing. Looks only; nothing is fetched or built."""
        if not self.image_at_hand():
            return "has no node image yet, and making one takes minutes"
        if missing_images := images.lab_images_missing():
            return f"the labs' image {missing_images[0]} is not at hand"
        if missing(["kind"]):
            return "kind itself is not here yet"
        try:
            return too_weak(find_engine())
        except ClusterError as error:
            return str(error)

    def create(self, spec: ClusterSpec, progress: Progress = silent) -> ClusterStatus:
        """Bring the cluster up, or repair what is there and bring it in line with `spec`.

        Raises CannotProvide, ClusterBusy or another ClusterError.
        """
        if reason := self.available():
            raise CannotProvide(reason, "mlk8s doctor")
        engine = find_engine()
        folder = Folder(spec.name)
        with as_cluster_error(), folder.locked():
            old = folder.read()
            image = images.ensure_node_image(engine, progress)
            images.ensure_lab_images(engine, progress)
            kind = Kind(ensure(["kind"], progress)["kind"], engine)
            _sweep(engine, kind, folder, progress)
            record = Record(
                phase="creating",
                spec=spec,
                engine=engine.name,
                image=image.name,
                machine=engine.machine() if spec.sized else None,
            )
            if not _revive(engine, folder, old, record, progress):
                _start(engine, kind, folder, old, record, progress)
            _bring_in_line(engine, folder, record, progress)
        return self.status(spec.name)

    def put_right(self, spec: ClusterSpec) -> ClusterStatus:
        """Give the nodes of a cluster that runs their labels, taints and GPUs again.

        Raises ClusterError; ClusterDown where it does not run.
        """
        with Api(Folder(spec.name).access(), timeout=15) as api:
            nodes.reconcile(api, spec.nodes, exactly=spec.sized)
            nodes.wait_allocatable(api, spec.nodes)
        return self.status(spec.name)

    def delete(self, name: str, progress: Progress = silent) -> bool:
        """Remove exactly this cluster: its containers and its folder. True if there was one."""
        folder = Folder(name)
        if not folder.exists():
            return False
        action = f"Removing the cluster {name}"
        progress(ProgressEvent(action, "started"))
        with as_cluster_error(), folder.locked():
            there = folder.exists()
            engine = find_engine()
            if there:
                Kind(ensure(["kind"], progress)["kind"], engine).delete(folder)
                state.give_up(folder.engine_name)
                folder.remove()
        progress(ProgressEvent(action, "done"))
        return there

    def status(self, name: str) -> ClusterStatus:
        """What is there now, as the API server says."""
        folder = Folder(name)
        record = folder.read()
        base = ClusterStatus(name=name, provider=self.name, running=False)
        if record is None:
            detail = f"There is no cluster {name}."
            return base.model_copy(update={"detail": detail})
        if record.phase == "creating":
            detail = f"The cluster {name} is being created, or its creation was interrupted."
            return base.model_copy(update={"detail": detail})
        try:
            with Api(folder.access(), timeout=5) as api:
                if not api.ready():
                    raise ClusterDown("not ready")
                version = api.version()
                found = tuple(node["metadata"]["name"] for node in api.items(nodes.NODES))
        except ClusterError:
            known = folder.kubeconfig if folder.kubeconfig.exists() else None
            return base.model_copy(update={"detail": _why_down(name), "kubeconfig": known})
        return ClusterStatus(
            name=name,
            provider=self.name,
            running=True,
            kubernetes_version=version,
            kubeconfig=folder.kubeconfig,
            detail=f"Kubernetes {version} in {len(found)} containers of {record.engine}.",
            capabilities=record.capabilities,
            nodes=found,
        )

    def names(self) -> list[str]:
        """Clusters of this provider on this machine, running or not."""
        return state.names()

    def lab_clusters(self) -> list[str]:
        """Those of `cluster.kind.labs`, which stay for the next run."""
        return [name for name in self.names() if name == LABS or name.startswith(f"{LABS}-")]

    def kubeconfig(self, name: str) -> Path:
        """The cluster's own kubeconfig. Raises ClusterDown if there is no such cluster."""
        folder = Folder(name)
        if not folder.kubeconfig.exists():
            raise ClusterDown(f"There is no cluster {name}.", "mlk8s up --provider kind")
        return folder.kubeconfig

    def capabilities(self, name: str) -> Capabilities:
        """What this cluster has shown that it can prove. Raises ClusterDown if there is none."""
        record = Folder(name).read()
        if record is None:
            raise ClusterDown(f"There is no cluster {name}.", "mlk8s up --provider kind")
        return record.capabilities

    def teach(self, name: str, servers: tuple[ServerModel, ...]) -> None:  # noqa: ARG002
        """Nothing to teach: containers are real, and behave as their images do."""
        self.kubeconfig(name)

    def load(self, name: str, namespace: str, service: str, rate: float) -> None:
        """Let real requests be sent to a Service. Raises Unsupported, or another ClusterError."""
        record = Folder(name).read()
        if record is None or record.capabilities.load is None:
            raise Unsupported(f"{name} has no image of the load generator: `mlk8s bundle build`.")
        with Api(Folder(name).access(), timeout=15) as api:
            traffic.put_load(api, namespace, service, rate, record.spec.servers)

    def kill(self, name: str, node: str, container_id: str, code: int) -> None:
        """End a container's process, as its Pod names it, so that it exits with this code.

        Raises Unsupported for codes that no signal gives, ClusterError.
        """
        engine = find_engine()
        where = nodes.container_of(engine, Folder(name).engine_name, node)
        traffic.end_process(engine, where, container_id, code)

    def queue(
        self,
        name: str,
        namespace: str,
        metric: str,
        value: float,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Always Unsupported: nothing serves external metrics on this cluster."""
        raise Unsupported(
            f"Nothing on {name} serves the external metric {metric} of {namespace},"
            f" so it cannot be {value:g} for {dict(labels or {})}."
        )


def _revive(
    engine: Engine, folder: Folder, old: Record | None, new: Record, progress: Progress
) -> bool:
    """Whether what is there can serve; starts its containers if they are stopped."""
    if old is None or old.phase != "ready" or not folder.kubeconfig.exists():
        return False
    if _made_of(old) != _made_of(new):
        return False
    containers = engine.containers(folder.engine_name)
    if len(containers) != len(new.spec.nodes) + 1:
        return False
    stopped = [container.name for container in containers if not container.running]
    action = f"Starting {len(stopped)} stopped containers"
    try:
        if stopped:
            progress(ProgressEvent(action, "started"))
            engine.start(stopped)
        _wait_for_server(folder, 90.0 if stopped else 20.0)
    except ClusterError as error:
        progress(ProgressEvent(action, "failed", str(error)))
        return False
    if stopped:
        progress(ProgressEvent(action, "done"))
    return True


def _made_of(record: Record) -> tuple[object, ...]:
    """What cannot be changed about a cluster that is there."""
    made = [(n.name, n.cpu, n.memory) if record.spec.sized else n.name for n in record.spec.nodes]
    return (sorted(map(str, made)), record.engine, record.image, record.machine)


def _sweep(engine: Engine, kind: Kind, folder: Folder, progress: Progress) -> None:
    """Remove containers that nobody else can remove any more: their home was deleted."""
    for name in state.orphans():
        if engine.containers(name):
            action = f"Removing {name}, whose home is gone"
            progress(ProgressEvent(action, "started"))
            kind.delete(folder, name)
            progress(ProgressEvent(action, "done"))
        state.give_up(name)


def _wait_for_server(folder: Folder, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with Api(folder.access(), timeout=3) as api:
        while not api.ready():
            if time.monotonic() > deadline:
                raise ClusterDown(
                    f"The control plane of {folder.name} does not answer.", "mlk8s up"
                )
            time.sleep(0.3)


def _start(
    engine: Engine,
    kind: Kind,
    folder: Folder,
    old: Record | None,
    record: Record,
    progress: Progress,
) -> None:
    if old is None and not folder.exists() and engine.containers(folder.engine_name):
        raise ClusterError(
            f"{engine.name} has a kind cluster {folder.engine_name} that this mlk8s did not make.",
            f"kind delete cluster --name {folder.engine_name}",
        )
    folder.write(record)
    state.claim(folder.engine_name)
    kind.delete(folder)
    config = kind_config(
        record.spec, restrict_oom=not may_raise_limits(), reserved=_reserved(record)
    )
    folder.config.write_text(config)
    try:
        kind.create(folder, record.image, progress)
        folder.write_kubeconfig(kind.kubeconfig(folder))
    except BaseException:
        # Also on Ctrl-C. Should even this fail, the next create finds "creating" and cleans up.
        with contextlib.suppress(ClusterError):
            kind.delete(folder)
        raise
    finally:
        (folder.path / "kind-kubeconfig").unlink(missing_ok=True)


def _divisor(record: Record) -> int:
    """By what the sizes of the spec's nodes are divided."""
    return 1 if record.machine is None else sizes.divisor(record.spec.nodes, record.machine)


def _reserved(record: Record) -> dict[str, str]:
    """What each node keeps back, so that it offers its Pods no more than the spec says."""
    if record.machine is None:
        return {}
    own = _OWN_OFFICIAL if record.image == OFFICIAL else _OWN
    by = _divisor(record)
    return {node.name: sizes.reserved(node, record.machine, by, own) for node in record.spec.nodes}


def _bring_in_line(engine: Engine, folder: Folder, record: Record, progress: Progress) -> None:
    action = "Preparing nodes"
    progress(ProgressEvent(action, "started", remaining=15))
    spec = record.spec
    containers = engine.containers(folder.engine_name)
    loaded = images.load_lab_images(engine, containers, progress)
    with Api(folder.access(), timeout=15) as api:
        nodes.wait_ready(api, tuple(node.name for node in spec.nodes), _NODES_SECONDS)
        nodes.reconcile(api, spec.nodes, exactly=spec.sized)
        addons.install_metrics(engine, containers)
        nodes.wait_for_basics(api)
        nodes.wait_allocatable(api, spec.nodes)
        measured = _measure(api, folder, bool(loaded))
    has_load = Store().find("image", LOAD) is not None
    measured = measured.model_copy(
        update={"size_factor": 1 / _divisor(record), "load": "real" if has_load else None}
    )
    folder.write(
        record.model_copy(update={"phase": "ready", "images": loaded, "capabilities": measured})
    )
    progress(ProgressEvent(action, "done", f"{len(spec.nodes)} nodes Ready"))


def _measure(api: Api, folder: Folder, has_images: bool) -> Capabilities:
    """What the cluster can prove; what takes long to find out is asked once for each cluster."""
    measured = probe.measure(api)
    deadline = time.monotonic() + _PROBE_SECONDS
    # Right after a restart Pods are not Ready for a while; that says nothing about the cluster.
    while measured.containers is None and time.monotonic() < deadline:
        time.sleep(0.5)
        measured = probe.measure(api)
    before = folder.read()
    if before is not None and before.phase == "ready":
        enforced = before.capabilities.network_policy
    else:
        enforced = "real" if has_images and probe.policies_are_enforced(api) else None
    return measured.model_copy(update={"network_policy": enforced})


def _why_down(name: str) -> str:
    """Why the API server does not answer, as far as the engine can tell."""
    try:
        containers: list[Container] = find_engine().containers(Folder(name).engine_name)
    except ClusterError as error:
        return f"The control plane of {name} does not answer: {error}"
    if not containers:
        return f"The containers of {name} are gone; `mlk8s up` makes the cluster anew."
    stopped = [container.name for container in containers if not container.running]
    if stopped:
        return f"The container {stopped[0]} is stopped; `mlk8s up` starts it again."
    return f"The control plane of {name} runs but does not answer."
