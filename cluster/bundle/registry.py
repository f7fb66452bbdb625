"""Images from container registries, for machines that reach them; ours are built beside them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cluster.bundle.archive import sha256_of
from cluster.bundle.manifest import Item, Kind
from cluster.bundle.source import lab
from cluster.bundle.source.programs import Compiler
from cluster.bundle.source.recipe import labs_key
from cluster.bundle.store import Store
from cluster.errors import ClusterError
from cluster.model import KUBERNETES_VERSION, Progress, ProgressEvent, silent
from cluster.paths import cache_dir, make_dir

NODE_IMAGE = f"docker.io/kindest/node:v{KUBERNETES_VERSION}"
PUBLIC = (lab.NGINX[0], lab.CURL[0], lab.METRICS)
"""Images that labs need and that anybody can pull."""


class Puller(Protocol):
    """What is asked of a container engine."""

    def pull(self, name: str) -> None:
        """Fetch an image."""
        ...

    def save(self, names: list[str], target: Path) -> None:
        """Write an image as an archive."""
        ...


def collect(engine: Puller, store: Store | None = None, progress: Progress = silent) -> list[Item]:
    """Pull the official node image and the public lab images, and build the model images.

    What is in the store from a registry already is not pulled again. Raises ClusterError.
    """
    target = store or Store()

    def node(work: Path) -> list[Item]:
        return [_pulled(engine, target, "node-image", NODE_IMAGE, work, progress)]

    return [*_gathered(node), *collect_labs(engine, target, progress)]


def collect_labs(engine: Puller, store: Store, progress: Progress = silent) -> list[Item]:
    """Pull the public lab images, and build the model images. Raises ClusterError."""

    def gather(work: Path) -> list[Item]:
        items = [_pulled(engine, store, "image", name, work, progress) for name in PUBLIC]
        return [*items, *_models(store, work, progress)]

    return _gathered(gather)


def _gathered(gather: Callable[[Path], list[Item]]) -> list[Item]:
    work = Path(tempfile.mkdtemp(prefix="images.", dir=make_dir(cache_dir())))
    try:
        return gather(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pulled(
    engine: Puller, store: Store, kind: Kind, name: str, work: Path, progress: Progress
) -> Item:
    there = store.find(kind, name)
    if there is not None and not there.stand_in:
        return there
    action = f"Pulling {name}"
    progress(ProgressEvent(action, "started"))
    archive = work / "pulled.tar"
    try:
        engine.pull(name)
        engine.save([name], archive)
        item = Item(
            kind=kind,
            names=(name,),
            version=name.rpartition(":")[2],
            sha256=sha256_of(archive),
            size=archive.stat().st_size,
            origin=f"pulled as {name}",
        )
        store.add(item, archive)
    except (ClusterError, OSError) as error:
        progress(ProgressEvent(action, "failed", str(error)))
        if isinstance(error, ClusterError):
            raise
        raise ClusterError(f"Cannot keep the image {name}: {error.strerror}.") from error
    progress(ProgressEvent(action, "done", f"{item.size >> 20} MiB"))
    return item


def _models(store: Store, work: Path, progress: Progress) -> list[Item]:
    """The model images and the load generator, which no registry has."""
    compiler, items = Compiler(progress), []
    for image in lab.MODEL_IMAGES:
        for version in image.versions:

            def write(target: Path, image: lab.ModelImage = image, tag: str = version) -> None:
                lab.write_model_image(compiler.build("model", work / "model"), image, tag, target)

            names = tuple(image.names(version))
            items.append(_made(store, names, version, lab.MODEL_ORIGIN, work, write))

    def write_load(target: Path) -> None:
        lab.write_load_generator(compiler.build("load", work / "load"), target)

    items.append(_made(store, (lab.LOAD,), "v1", lab.LOAD_ORIGIN, work, write_load))
    return items


def _made(
    store: Store,
    names: tuple[str, ...],
    version: str,
    origin: str,
    work: Path,
    write: Callable[[Path], None],
) -> Item:
    if (there := store.find("image", names[0], labs_key())) is not None:
        return there
    archive = work / "made.tar"
    write(archive)
    item = Item(
        kind="image",
        names=names,
        version=version,
        sha256=sha256_of(archive),
        size=archive.stat().st_size,
        origin=origin,
        stand_in=True,
        key=labs_key(),
    )
    store.add(item, archive)
    return item
