"""The node image to start from, and the lab images that nodes are given."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cluster.bundle.archive import image_id
from cluster.bundle.manifest import Item
from cluster.bundle.registry import NODE_IMAGE as OFFICIAL
from cluster.bundle.source.lab import CURL, LOAD, METRICS, MODEL_IMAGES, NGINX
from cluster.bundle.store import Store
from cluster.errors import CannotProvide, ClusterError
from cluster.kind.engine import Container, Engine
from cluster.model import Progress, ProgressEvent
from cluster.paths import write_whole

_REGISTRY = ("registry-1.docker.io", 443)
_LOADED = "/kind/mlk8s-images"
_MIRROR = "/kind/mirror"
_ASK = f"cat {_LOADED}; ctr --namespace=k8s.io images ls --quiet"
_AT_ONCE = 3
_OURS = frozenset({METRICS, LOAD})
"""Images that run on the control plane, so that workers are for the labs' Pods alone."""


@dataclass(frozen=True)
class NodeImage:
    """An image that the engine has, and what it is made of."""

    name: str
    official: bool


def at_hand(engine: Engine | None = None) -> str:
    """What node image could be used without fetching or building one; empty if there is none."""
    if os.environ.get("MLK8S_NODE_IMAGE"):
        return os.environ["MLK8S_NODE_IMAGE"]
    if item := Store().find("node-image"):
        return item.names[0]
    if engine is not None and engine.image_id(OFFICIAL):
        return OFFICIAL
    return ""


def ensure_node_image(engine: Engine, progress: Progress) -> NodeImage:
    """A node image in the engine: named by the user, from the store, official, or built.

    Raises CannotProvide with every reason if there is no way to one.
    """
    if named := os.environ.get("MLK8S_NODE_IMAGE"):
        if not engine.image_id(named):
            raise CannotProvide(
                f"{engine.name} has no image {named}, which MLK8S_NODE_IMAGE names."
            )
        return NodeImage(named, official=False)
    store = Store()
    if item := store.find("node-image"):
        return _from_store(engine, store, item, progress)
    if engine.image_id(OFFICIAL):
        return NodeImage(OFFICIAL, official=True)
    pulled = _pull(engine, progress)
    if not pulled:
        return NodeImage(OFFICIAL, official=True)
    from cluster.bundle.source import build, unavailable

    if reason := unavailable():
        raise CannotProvide(f"There is no node image: {pulled} {reason}", "mlk8s bundle load FILE")
    build(store, progress)
    item = store.find("node-image")
    if item is None:
        raise ClusterError("The node image was built but is not in the store.")
    return _from_store(engine, store, item, progress)


def _from_store(engine: Engine, store: Store, item: Item, progress: Progress) -> NodeImage:
    name = item.names[0]
    archive = store.path(item)
    if not _has(engine, store, item):
        action = f"Loading the node image into {engine.name}"
        progress(ProgressEvent(action, "started", f"{item.size >> 20} MiB", remaining=20))
        try:
            engine.load(archive)
        except ClusterError as error:
            progress(ProgressEvent(action, "failed", str(error)))
            raise
        _remember(engine, store, item)
        progress(ProgressEvent(action, "done"))
    return NodeImage(name, official=not item.stand_in)


def _memory(engine: Engine, store: Store) -> Path:
    return store.root / f"loaded-{engine.name}"


def _has(engine: Engine, store: Store, item: Item) -> bool:
    """Whether the engine has the very image of this item."""
    present = engine.image_id(item.names[0])
    if not present:
        return False
    if present == image_id(store.path(item)):
        return True
    # An engine may count its ids in its own way; then what it said after loading counts.
    try:
        return _memory(engine, store).read_text() == f"{item.sha256} {present}"
    except OSError:
        return False


def _remember(engine: Engine, store: Store, item: Item) -> None:
    write_whole(_memory(engine, store), f"{item.sha256} {engine.image_id(item.names[0])}")


def _pull(engine: Engine, progress: Progress) -> str:
    """Fetch the official image; returns why that failed, or nothing."""
    if not reachable():
        return f"{_REGISTRY[0]} cannot be reached."
    action = f"Pulling {OFFICIAL}"
    progress(ProgressEvent(action, "started", "about 400 MB"))
    try:
        engine.pull(OFFICIAL)
    except ClusterError as error:
        progress(ProgressEvent(action, "failed", str(error)))
        return f"{error}"
    progress(ProgressEvent(action, "done"))
    return ""


def reachable(seconds: float = 2.0) -> bool:
    """Whether the public registry answers, directly or by way of a proxy that is set."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True  # the engine's own matter; it says so if it fails
    try:
        with socket.create_connection(_REGISTRY, timeout=seconds):
            return True
    except OSError:
        return False


def lab_images_missing() -> list[str]:
    """Images of the labs that are not in the store, by name."""
    there = {name for item in Store().items() for name in item.names}
    wanted = [f"{m.repository}:{version}" for m in MODEL_IMAGES for version in m.versions]
    return [name for name in (*wanted, NGINX[0], CURL[0]) if name not in there]


def ensure_lab_images(engine: Engine, progress: Progress) -> None:
    """The labs' images in the store: from registries where they are reached, else built.

    Without them right Pods would not start, and look like the learner's mistake. Raises
    CannotProvide where there is no way to them.
    """
    lacking = lab_images_missing()
    if not lacking:
        return
    if reachable():
        from cluster.bundle.registry import collect_labs

        collect_labs(engine, Store(), progress)
        return
    from cluster.bundle.source import build, unavailable

    if reason := unavailable():
        words = f"The labs' image {lacking[0]} is not at hand, and no registry can be reached."
        raise CannotProvide(f"{words} {reason}", "mlk8s bundle load FILE")
    build(Store(), progress)


def load_lab_images(engine: Engine, nodes: list[Container], progress: Progress) -> tuple[str, ...]:
    """Give every node the images of the store that it lacks: workers those of the labs, the
    control plane metrics-server and the load generator. Returns the digests of all."""
    store = Store()
    items = [item for item in store.items() if item.kind == "image"]
    if not items or not any(node.role == "worker" for node in nodes):
        return ()
    action = "Loading the labs' images"
    progress(ProgressEvent(action, "started", f"{len(items)} images"))
    try:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as workers:
            list(
                workers.map(lambda node: _give(engine, store, node, _meant_for(node, items)), nodes)
            )
    except ClusterError as error:
        progress(ProgressEvent(action, "failed", str(error)))
        raise
    progress(ProgressEvent(action, "done"))
    return tuple(sorted(item.sha256 for item in items))


def _meant_for(node: Container, items: list[Item]) -> list[Item]:
    of_labs = node.role == "worker"
    return [item for item in items if _OURS.isdisjoint(item.names) is of_labs]


def _give(engine: Engine, store: Store, node: Container, items: list[Item]) -> None:
    # Both what was loaded and what is there: a Pod whose image has gone would look like a mistake.
    had = set(engine.run("exec", node.name, "sh", "-c", _ASK, check=False).split())
    missing = [
        item
        for item in items
        if item.sha256 not in had or not had.issuperset(map(full_name, item.names))
    ]
    for item in missing:
        load_into(engine, node.name, store.path(item))
    if missing:
        now = sorted(item.sha256 for item in items)
        engine.run("exec", node.name, "sh", "-c", f"echo {' '.join(now)} > {_LOADED}")


def full_name(image: str) -> str:
    """An image's name as container runtimes complete it."""
    first, _, rest = image.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if rest else f"docker.io/library/{image}"


def load_into(engine: Engine, node: str, archive: Path) -> None:
    """Give one node the images of an archive, also to its mirror, where it has one: Pods that
    insist on pulling (as those with the tag `latest` do) find them there."""
    place = f"{_MIRROR}/{archive.name}.tar"
    script = (
        f"mkdir -p {_MIRROR} && cat > {place}.new && mv {place}.new {place} && "
        f"ctr --namespace=k8s.io images import --local --digests=false {place}"
    )
    try:
        engine.run("exec", "--interactive", node, "sh", "-c", script, stdin=archive, seconds=300)
    except ClusterError as error:
        if "no space left" not in str(error).lower():
            raise
        words = f"The disk is full: {node} has no room for the labs' images."
        raise ClusterError(words, "Free some space, then run `mlk8s up` again.") from error
