"""Our own small programs for images, built with Go for Linux wherever we are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster.binaries.catalog import PROJECTS, go_platform
from cluster.binaries.golang import Go, find_go
from cluster.bundle.source.recipe import PROGRAMS
from cluster.errors import ToolUnavailable
from cluster.model import Progress, ProgressEvent


class Compiler:
    """Builds the programs in cluster/images, which use nothing but Go's own library."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._go: Go | None = None

    def build(self, name: str, target: Path) -> Path:
        """Build one program. Raises ToolUnavailable with the compiler's last words."""
        action = f"Building {name}"
        self._progress(ProgressEvent(action, "started"))
        go = self._find()
        environment = {**go.environment, "GOOS": "linux", "GOARCH": go_platform()[1]}
        arguments = [
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            "-s -w",
            "-o",
            str(target),
        ]
        _go(go, [*arguments, "."], PROGRAMS / name, environment, action)
        self._progress(ProgressEvent(action, "done"))
        return target

    def _find(self) -> Go:
        if self._go is None:
            self._go = find_go(self._progress)
        return self._go

    def kind_files(self) -> Path:
        """The files of kind's node image, in the Go module that kind itself is built from."""
        go = self._find()
        project = PROJECTS["kind"]
        listed = _go(
            go,
            ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind"],
            project.module,
            go.environment,
            "Looking for kind's files",
        )
        if not listed:
            # In the module cache only once something has asked for it.
            arguments = ["mod", "download", "sigs.k8s.io/kind"]
            _go(go, arguments, project.module, go.environment, "Fetching kind's files")
            return self.kind_files()
        return Path(listed) / "images" / "base" / "files"


def _go(go: Go, arguments: list[str], where: Path, environment: dict[str, str], action: str) -> str:
    try:
        done = subprocess.run(
            [str(go.command), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            cwd=where,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise ToolUnavailable(f"Cannot run {go.command}: {error.strerror}.") from error
    if done.returncode != 0:
        words = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise ToolUnavailable(f"{action} failed: {words}")
    return done.stdout.strip()
