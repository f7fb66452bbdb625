"""Calling kind: creating and deleting clusters, with its words turned into progress and errors."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from pathlib import Path

from cluster.errors import ClusterError
from cluster.kind.engine import Engine
from cluster.kind.state import Folder
from cluster.model import Progress, ProgressEvent
from cluster.processes import Process, end, mine

_STEPS = {
    "Ensuring node image": (0.02, 45.0),
    "Preparing nodes": (0.05, 45.0),
    "Writing configuration": (0.35, 28.0),
    "Starting control-plane": (0.4, 26.0),
    "Installing CNI": (0.75, 12.0),
    "Installing StorageClass": (0.77, 11.0),
    "Joining worker nodes": (0.8, 10.0),
}
"""kind's steps: the share that is done when each begins, and seconds that are left on two cores."""
PATIENCE = 420.0


class Kind:
    """The kind program, told which engine to use and kept away from the user's kubeconfig."""

    def __init__(self, program: Path, engine: Engine) -> None:
        self._program = program
        self._engine = engine

    def _environment(self, folder: Folder) -> dict[str, str]:
        # KUBECONFIG also for those commands that take no --kubeconfig.
        return {
            **os.environ,
            **self._engine.environment,
            "KUBECONFIG": str(folder.path / "kind-kubeconfig"),
        }

    def create(self, folder: Folder, image: str, progress: Progress) -> None:
        """Create the cluster of this folder. Raises ClusterError with kind's last words."""
        command = [
            str(self._program), "create", "cluster", "--name", folder.engine_name,
            "--config", str(folder.config), "--image", image,
            "--kubeconfig", str(folder.path / "kind-kubeconfig"),
        ]  # fmt: skip
        action = f"Starting the cluster {folder.name}"
        progress(ProgressEvent(action, "started", fraction=0.0, remaining=50.0))
        try:
            said = self._run(command, folder, action, progress)
        except BaseException as error:
            progress(ProgressEvent(action, "failed", str(error) or "stopped"))
            raise
        if said:
            progress(ProgressEvent(action, "failed", said))
            raise ClusterError(f"kind could not create the cluster {folder.name}: {said}")
        progress(ProgressEvent(action, "done"))

    def _run(self, command: list[str], folder: Folder, action: str, progress: Progress) -> str:
        """Run kind; returns nothing, or what went wrong."""
        lines: deque[str] = deque(maxlen=400)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=self._environment(folder),
                start_new_session=True,
            )
        except OSError as error:
            raise ClusterError(f"Cannot run kind: {error.strerror}.") from error
        timer = threading.Timer(PATIENCE, _end_group, (process,))
        timer.start()
        try:
            with folder.log.open("w") as log:
                for line in process.stdout or ():
                    log.write(line)
                    log.flush()
                    lines.append(line.rstrip())
                    _report(line, action, progress)
            code = process.wait()
        except BaseException:
            _end_group(process)
            process.wait()
            raise
        finally:
            timer.cancel()
            if process.stdout:
                process.stdout.close()
        if code == 0:
            return ""
        if code < 0:
            return f"it was stopped after {PATIENCE:.0f} s or by another process."
        return reason_of(list(lines))

    def delete(self, folder: Folder, engine_name: str = "") -> None:
        """Remove the containers of the cluster; none is no error.

        With `engine_name`, those of another cluster, whose own folder is gone.
        """
        name = engine_name or folder.engine_name
        end(leftovers(self._program, name), patience=2.0)
        command = [
            str(self._program), "delete", "cluster", "--name", name,
            "--kubeconfig", str(folder.path / "kind-kubeconfig"),
        ]  # fmt: skip
        self._ask(command, folder, 180, f"Cannot delete the cluster {name}")

    def kubeconfig(self, folder: Folder) -> str:
        """The kubeconfig that kind wrote, or asks the control plane for."""
        command = [str(self._program), "get", "kubeconfig", "--name", folder.engine_name]
        return self._ask(command, folder, 60, "kind gives no kubeconfig")

    def _ask(self, command: list[str], folder: Folder, seconds: float, trouble: str) -> str:
        """What a short command of kind prints; ClusterError, begun by `trouble`, if it fails."""
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=self._environment(folder),
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClusterError(f"{trouble}: {error}.") from error
        if done.returncode != 0:
            raise ClusterError(f"{trouble}: {reason_of(done.stderr.splitlines())}")
        return done.stdout


def leftovers(program: Path, name: str) -> list[Process]:
    """Processes of kind that still create this cluster for an mlk8s that was killed."""
    wanted = ("create", "cluster", "--name", name)
    return [p for p in mine() if p.argv[:5] == (str(program), *wanted)]


def _end_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _report(line: str, action: str, progress: Progress) -> None:
    words = line.strip().lstrip("•✓✗ ")
    for step, (fraction, remaining) in _STEPS.items():
        if line.strip().startswith("•") and words.startswith(step):
            progress(ProgressEvent(action, "running", step, fraction, remaining))


def reason_of(lines: list[str]) -> str:
    """What went wrong, in one sentence, from what kind printed."""
    text = "\n".join(lines)
    known = (
        (r"no space left on device", "the disk is full."),
        (r"port is already allocated|address already in use", "a port that it needs is taken."),
        (r"too many open files", "this machine allows too few inotify watches (`mlk8s doctor`)."),
        (r"statfs /lib/modules", "this machine has no folder /lib/modules (`mlk8s doctor`)."),
        (
            r"lookup [\w.-]*-control-plane\b",
            "its containers do not find each other by name (`mlk8s doctor`).",
        ),
        (r"cgroups in hybrid mode", "crun refuses this machine's cgroups; install runc."),
    )
    for pattern, sentence in known:
        if re.search(pattern, text, re.IGNORECASE):
            return sentence
    output = text.partition("Command Output:")[2].strip().splitlines()
    errors = [line for line in output if line.lower().startswith("error")] or output[:1]
    errors = errors or [line for line in lines if line.startswith("ERROR")]
    chosen = errors or [line for line in lines if line.strip()]
    return (chosen[-1] if chosen else "it said nothing.")[:400]
