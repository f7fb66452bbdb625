"""Builds all images and puts them into the store; what is there already is not built again."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from cluster.binaries import build_seconds, ensure, missing
from cluster.binaries.catalog import KIND_VERSION, METRICS_VERSION, NODE_TOOLS, TOOLS
from cluster.bundle.archive import sha256_of
from cluster.bundle.manifest import Item, Kind
from cluster.bundle.source import debian, lab, node
from cluster.bundle.source.programs import Compiler
from cluster.bundle.source.recipe import NODE_IMAGE, SUITE, labs_key, node_key, system_key
from cluster.bundle.store import Store
from cluster.errors import CannotProvide, ClusterError
from cluster.model import KUBERNETES_VERSION, Progress, ProgressEvent, silent
from cluster.paths import cache_dir, make_dir

ASSEMBLY_SECONDS = 40.0
_KWOK = ("kwok", "kwokctl")
BINARIES = (*(name for name in TOOLS if name not in _KWOK), *NODE_TOOLS)
"""Programs that go into images."""


def unavailable() -> str | None:
    """None if images can be built here, else the reason in one sentence."""
    if (cache_dir() / "system" / f"{system_key()}.ready").exists():
        return None
    return debian.unavailable()


def seconds() -> float:
    """How long a build may take here, from what is missing."""
    total = build_seconds(missing(BINARIES)) if missing(BINARIES) else 0.0
    if not (cache_dir() / "system" / f"{system_key()}.ready").exists():
        total += debian.BOOTSTRAP_SECONDS + debian.PACKAGES_SECONDS
    return total + ASSEMBLY_SECONDS


def build(store: Store | None = None, progress: Progress = silent) -> list[Item]:
    """The node image and the lab images, from the store or built. Raises ClusterError.

    May be killed at any moment; safe to call from several processes, of which one does the work.
    """
    target = store or Store()
    if found := _found(target):
        return found
    if reason := unavailable():
        raise CannotProvide(reason, "apt-get install debootstrap")
    with FileLock(make_dir(cache_dir()) / "images.lock"):
        if found := _found(target):
            return found
        return _Build(target, progress).run()


def wanted_names() -> list[str]:
    """One name of each image that a build makes."""
    models = [f"{m.repository}:{version}" for m in lab.MODEL_IMAGES for version in m.versions]
    return [NODE_IMAGE, *models, lab.NGINX[0], lab.CURL[0], lab.METRICS, lab.LOAD]


def _found(store: Store) -> list[Item]:
    """All images of this recipe, or nothing if one of them is missing."""
    by_name = {name: item for item in store.items() if _current(item) for name in item.names}
    if all(name in by_name for name in wanted_names()):
        return [by_name[name] for name in wanted_names()]
    return []


def _key_of(kind: Kind) -> str:
    return node_key() if kind == "node-image" else labs_key()


def _current(item: Item) -> bool:
    """Whether an item was made as it would be made now."""
    return item.key == _key_of(item.kind)


class _Build:
    def __init__(self, store: Store, progress: Progress) -> None:
        self._store, self._progress = store, progress

    def run(self) -> list[Item]:
        binaries = ensure(BINARIES, self._progress)
        system = debian.System.ensure(self._progress)
        work = Path(tempfile.mkdtemp(prefix="images.", dir=cache_dir()))
        try:
            compiler = Compiler(self._progress)
            names = ("pause", "node-network", "image-mirror", "model", "load")
            programs = {name: compiler.build(name, work / name) for name in names}
            made = self._labs(system, programs["model"], work)
            made.append(self._metrics(binaries["metrics-server"], work))
            made.append(self._load(programs["load"], work))
            node_image = self._store.find("node-image", NODE_IMAGE, node_key())
            if node_image is None:
                node_image = self._node(system, compiler, binaries, programs, work)
            return [node_image, *made]
        except OSError as error:
            raise ClusterError(
                f"Cannot build images in {work}: {error.strerror or error}."
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _node(
        self,
        system: debian.System,
        compiler: Compiler,
        binaries: dict[str, Path],
        programs: dict[str, Path],
        work: Path,
    ) -> Item:
        def write(target: Path) -> None:
            network = node.network_layer(system, work / "network.layer")
            images = node.component_images(binaries, programs, network, work)
            kind_files = compiler.kind_files()
            upper = work / "node.layer"
            node.node_layer(system, kind_files, binaries, programs, images, upper)
            for archives in images.values():
                for archive in archives:
                    archive.unlink()
            lower = node.system_layer(system, work / "system.layer")
            node.write_node_image(lower, upper, target)

        modules = f"Kubernetes v{KUBERNETES_VERSION} and kind v{KIND_VERSION}"
        origin = f"Debian {SUITE} and the Go modules of {modules}"
        return self._item("node-image", (NODE_IMAGE,), KUBERNETES_VERSION, origin, write, work)

    def _metrics(self, program: Path, work: Path) -> Item:
        origin = f"the Go module of metrics-server v{METRICS_VERSION}"

        def write(target: Path) -> None:
            lab.write_metrics_server(program, target)

        return self._item("image", (lab.METRICS,), METRICS_VERSION, origin, write, work)

    def _load(self, program: Path, work: Path) -> Item:
        def write(target: Path) -> None:
            lab.write_load_generator(program, target)

        return self._item("image", (lab.LOAD,), "v1", lab.LOAD_ORIGIN, write, work)

    def _labs(self, system: debian.System, model: Path, work: Path) -> list[Item]:
        made = []
        for image in lab.MODEL_IMAGES:
            for version in image.versions:

                def write(target: Path, image: lab.ModelImage = image, tag: str = version) -> None:
                    lab.write_model_image(model, image, tag, target)

                origin = lab.MODEL_ORIGIN
                names = tuple(image.names(version))
                made.append(self._item("image", names, version, origin, write, work))
        for names, package, writer in (
            (lab.NGINX, "nginx-light", lab.write_nginx),
            (lab.CURL, "curl", lab.write_curl),
        ):

            def write_package(
                target: Path, writer: Callable[[debian.System, Path], None] = writer
            ) -> None:
                writer(system, target)

            version = system.version(package)
            origin = f"Debian {SUITE} package {package} {version}"
            made.append(self._item("image", names, version, origin, write_package, work))
        return made

    def _item(
        self,
        kind: Kind,
        names: tuple[str, ...],
        version: str,
        origin: str,
        write: Callable[[Path], None],
        work: Path,
    ) -> Item:
        action = f"Making the image {names[0]}"
        self._progress(ProgressEvent(action, "started"))
        began = time.monotonic()
        archive = make_dir(work) / "image.tar"
        write(archive)
        item = Item(
            kind=kind,
            names=names,
            version=version,
            sha256=sha256_of(archive),
            size=archive.stat().st_size,
            origin=origin,
            stand_in=True,
            key=_key_of(kind),
        )
        self._store.add(item, archive)
        detail = f"{item.size >> 20} MiB in {time.monotonic() - began:.0f} s"
        self._progress(ProgressEvent(action, "done", detail))
        return item
