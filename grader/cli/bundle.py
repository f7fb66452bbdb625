"""`bundle`: images and programs for rooms with bad networks, in one file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.check import Json
from grader.cli.consoles import err, out
from grader.errors import UsageError

if TYPE_CHECKING:
    from cluster.bundle import Item, Manifest
    from cluster.model import Progress

SOURCES = ("auto", "registry", "source")
From = Annotated[
    str,
    typer.Option(
        "--from",
        help="registry pulls images, source builds them from Debian packages and Go modules; "
        "auto pulls where a registry can be reached.",
    ),
]
File = Annotated[Path, typer.Argument(help="The bundle.", show_default=False)]
Expect = Annotated[
    str, typer.Option(help="Refuse a bundle whose digest is not this one.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        help="Images and programs for rooms with bad networks, in one file.", no_args_is_help=True
    )
    for command in (create, build, load, verify, show):
        group.command()(command)
    app.add_typer(group, name="bundle")


def create(
    file: File,
    origin: From = "auto",
    wheels: Annotated[
        bool, typer.Option("--wheels", help="Also the Python packages of this installation.")
    ] = False,
) -> None:
    """Make a bundle of everything that a machine without a network needs.

    Examples:

        mlk8s bundle create room.bundle

        mlk8s bundle create room.bundle --from source --wheels
    """
    from cluster import bundle
    from cluster.bundle import contents
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view, tempfile.TemporaryDirectory() as folder:
        images = _images(origin, view)
        store = bundle.Store()
        inside = [(item, store.path(item)) for item in images]
        inside += contents.programs(view)
        inside += contents.definitions(view)
        if wheels:
            inside += contents.wheels(Path(folder), progress=view)
        manifest, digest = bundle.create(file, inside, view)
    _list(manifest)
    out().print(f"{file} is written, digest sha256:{digest}", markup=False, soft_wrap=True)
    out().print(f"On the other machine: mlk8s bundle load {file.name}", style="dim", markup=False)


def build(origin: From = "auto") -> None:
    """Get the images for this machine itself, so that `mlk8s up` can start a kind cluster at once.

    Examples:

        mlk8s bundle build
    """
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view:
        images = _images(origin, view)
    for item in images:
        out().print(_line(item), markup=False, soft_wrap=True)


def load(file: File, expect: Expect = "") -> None:
    """Take in a bundle. A damaged or altered one is refused; a load that broke off can be repeated.

    Examples:

        mlk8s bundle load room.bundle
    """
    from cluster import bundle
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view:
        manifest = bundle.load(file, expect, view)
    _list(manifest)
    out().print("Everything is loaded. Next: mlk8s up --provider kind", markup=False)


def verify(file: File, expect: Expect = "") -> None:
    """Read a bundle from end to end and say whether every byte is as it was made.

    Examples:

        mlk8s bundle verify room.bundle
    """
    from cluster import bundle
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view:
        manifest = bundle.verify(file, expect, view)
    _list(manifest)
    out().print("The bundle is whole.", markup=False)


def show(as_json: Json = False) -> None:
    """List the images that are at hand on this machine.

    Examples:

        mlk8s bundle show
    """
    from cluster import bundle

    items = bundle.Store().items()
    if as_json:
        import json

        typer.echo(json.dumps([item.model_dump() for item in items], indent=2))
        return
    for item in items:
        out().print(_line(item), markup=False, soft_wrap=True)
    if not items:
        out().print("No images are at hand. `mlk8s bundle build` or `mlk8s bundle load FILE`.")


def _images(origin: str, progress: Progress) -> list[Item]:
    from cluster.bundle import registry, source
    from cluster.errors import ClusterError
    from cluster.kind.engine import find_engine
    from cluster.kind.images import reachable

    if origin not in SOURCES:
        raise UsageError(f"--from is one of {', '.join(SOURCES)}, not {origin!r}")
    if origin == "source" or (origin == "auto" and not reachable()):
        return source.build(progress=progress)
    try:
        return registry.collect(find_engine(), progress=progress)
    except ClusterError:
        if origin == "registry" or source.unavailable():
            raise
        return source.build(progress=progress)


def _list(manifest: Manifest) -> None:
    for item in manifest.items:
        out().print(_line(item), markup=False, soft_wrap=True)
    total = f"{len(manifest.items)} items, {manifest.size >> 20} MiB"
    words = f"{total}, Kubernetes {manifest.kubernetes_version}, {manifest.platform}"
    out().print(words, style="dim", markup=False, soft_wrap=True)


def _line(item: Item) -> str:
    mark = "  [stand-in]" if item.stand_in else ""
    return f"{item.kind:10}  {item.names[0]}  {item.size >> 20} MiB  from {item.origin}{mark}"
