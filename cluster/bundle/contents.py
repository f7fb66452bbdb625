"""What goes into a bundle besides images: programs, definitions, wheels of this installation."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from cluster.binaries import ensure
from cluster.binaries.catalog import KNOWN, LAB_TOOLS, PROJECTS, TOOLS
from cluster.bundle.archive import sha256_of
from cluster.bundle.manifest import Item
from cluster.crds.fetch import files
from cluster.errors import ClusterError
from cluster.model import Progress, ProgressEvent, silent

PROGRAMS = (*TOOLS, "kind", *LAB_TOOLS)
"""Those of single labs too: a room without a network cannot fetch them when their lab comes."""
DISTRIBUTION = "mlk8s"


def programs(progress: Progress = silent) -> list[tuple[Item, Path]]:
    """Everything that both providers run on the machine itself, fetched or built if missing."""
    found = []
    for name, path in ensure(PROGRAMS, progress).items():
        version = PROJECTS[KNOWN[name].project].version
        found.append((_item("binary", name, version, path, f"{name} v{version}"), path))
    return found


def definitions(progress: Progress = silent) -> list[tuple[Item, Path]]:
    """The custom resource definitions that labs need, fetched if missing."""
    return [
        (_item("definition", file.name, crds.version, path, f"{crds.module} v{crds.version}"), path)
        for crds, file, path in files(progress)
    ]


_BUILDS = ("hatchling>=1.27", "editables")
"""What installs the checkout itself: pyproject.toml's build system, for an editable install."""


def wheels(
    folder: Path, extras: tuple[str, ...] = (), progress: Progress = silent
) -> list[tuple[Item, Path]]:
    """The wheels that this installation needs, with the extras, into a folder."""
    action = "Fetching wheels"
    progress(ProgressEvent(action, "started"))
    wanted = [*_requirements(extras), *_BUILDS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), *wanted], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ClusterError(f"Cannot run pip: {error.strerror}.") from error
    if done.returncode != 0:
        words = " / ".join(done.stderr.strip().splitlines()[-2:])
        progress(ProgressEvent(action, "failed", words))
        raise ClusterError(f"Cannot fetch the wheels: {words}")
    found = []
    for path in sorted(folder.glob("*.whl")):
        version = path.name.split("-")[1]
        found.append((_item("wheel", path.name, version, path, "the Python package index"), path))
    progress(ProgressEvent(action, "done", f"{len(found)} wheels"))
    return found


def _requirements(extras: tuple[str, ...]) -> list[str]:
    """What the installed distribution depends on, with these extras."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError as error:
        raise ClusterError(
            f"{DISTRIBUTION} is not installed, so its wheels are not known."
        ) from error
    wanted = []
    for line in lines:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        if "extra ==" not in marker:
            wanted.append(line)
        elif any(f"extra == '{extra}'" in marker.replace('"', "'") for extra in extras):
            wanted.append(requirement)
    return wanted


def _item(kind: str, name: str, version: str, path: Path, origin: str) -> Item:
    return Item.model_validate(
        {
            "kind": kind,
            "names": (name,),
            "version": version,
            "sha256": sha256_of(path),
            "size": path.stat().st_size,
            "origin": origin,
        }
    )
