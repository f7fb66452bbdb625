"""Starting the processes of one cluster and waiting for its API server."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cluster
from cluster.api import Access, Api
from cluster.embedded.config import (
    Tools,
    choose_ports,
    component_environment,
    kwokctl_config,
)
from cluster.embedded.state import Folder
from cluster.errors import ClusterError
from cluster.paths import make_dir, write_whole
from cluster.processes import end, find

READY_SECONDS = 90.0
_WATCHERS = ("kube-controller-manager", "kube-scheduler", "kwok-controller")
_COMPONENTS = ("etcd", "kube-apiserver", *_WATCHERS)


class ComponentEnded(ClusterError):
    """A component ended right after its start; the next start may do.

    On a very busy machine one may give up on another: the controller manager waits twenty seconds
    for its API server.
    """


class PortTaken(ComponentEnded):
    """Its port was taken by another process in the meantime."""


def destroy(folder: Folder) -> None:
    """End every process of the cluster and remove its files. Needs the folder's lock."""
    # Twice: a dying kwokctl may have forked one more component while the first round was read.
    for _ in range(2):
        left = end(folder.processes())
        if left:
            pids = ", ".join(str(process.pid) for process in left)
            raise ClusterError(f"Processes of cluster {folder.name} cannot be ended: {pids}.")
    folder.remove()


def start_fresh(folder: Folder, tools: Tools, version: str, time_factor: float) -> None:
    """Create the control plane in an empty folder. Raises ComponentEnded or ClusterError."""
    config = kwokctl_config(tools, choose_ports(), version, folder.components / "pki", time_factor)
    write_whole(folder.config, config, 0o600)
    make_dir(folder.workdir, 0o700)
    # kwokctl insists on adding a context somewhere; this file is nobody's.
    unused = str(folder.workdir / "context")
    _run_kwokctl(folder, tools, "create", "cluster", "--kubeconfig", unused)


def were_all_started(folder: Folder) -> bool:
    """Whether kwokctl got so far that `restart` can start what has ended since."""
    return all((folder.components / "pids" / f"{name}.pid").exists() for name in _COMPONENTS)


def restart(folder: Folder, tools: Tools) -> None:
    """Start those components that are not running; what the cluster holds is kept.

    Where the API server has ended, those that watch it are started anew with it: left alone, they
    try again ever more rarely, and for a minute or so nothing would happen.
    """
    processes = {Path(process.argv[0]).name: process for process in folder.processes()}
    if "kube-apiserver" not in processes:
        end([processes[name] for name in _WATCHERS if name in processes])
    living = {process.pid for process in folder.processes()}
    for file in (folder.components / "pids").glob("*.pid"):
        # A pid from before a reboot may belong to anybody now; kwokctl would take it for running.
        text = file.read_text().strip()
        if not text.isdigit() or int(text) not in living:
            file.unlink(missing_ok=True)
    _run_kwokctl(folder, tools, "start", "cluster")


def _run_kwokctl(folder: Folder, tools: Tools, *arguments: str) -> None:
    """Run kwokctl and return as soon as the API server is ready, or raise with its last words."""
    log = folder.path / "kwokctl.log"
    command = [
        str(tools.kwokctl),
        *arguments,
        "--name",
        folder.name,
        "--config",
        str(folder.config),
    ]
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder.path,
                env=component_environment(folder.workdir),
                # Its own session: Ctrl-C reaches us, and we decide what becomes of it.
                start_new_session=True,
            )
    except OSError as error:
        raise ClusterError(f"Cannot start {tools.kwokctl}: {error.strerror}.") from error
    try:
        _wait_ready(folder, process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_ready(folder: Folder, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    look_again = time.monotonic() + 0.5
    api: Api | None = None
    try:
        while time.monotonic() < deadline:
            finished = process.poll()
            if finished not in (None, 0):
                raise ClusterError(
                    f"The control plane of cluster {folder.name} did not start: {_last_words(log)}"
                )
            if api is None and folder.internal_kubeconfig.exists():
                with contextlib.suppress(ClusterError):
                    api = Api(Access.read(folder.internal_kubeconfig), timeout=3)
            # Waiting for kwokctl's own end too: it writes the pid files to the last.
            if finished == 0 and api is not None and api.ready():
                raise_if_dead(folder)
                return
            if time.monotonic() > look_again:
                raise_if_dead(folder)
                look_again = time.monotonic() + 0.5
            time.sleep(0.03)
    finally:
        if api is not None:
            api.close()
    raise ClusterError(
        f"The API server of cluster {folder.name} was not ready after {READY_SECONDS:.0f} s; "
        f"see {folder.components / 'logs'}."
    )


def raise_if_dead(folder: Folder) -> None:
    """Raise ComponentEnded, or its PortTaken, if a component that was started has ended."""
    dead = []
    for file in (folder.components / "pids").glob("*.pid"):
        text = file.read_text().strip()
        # Asked for one by one, after the pid was read: a list of processes made before that would
        # lack a component started in between. Only a pid that nobody has is surely dead here.
        if text.isdigit() and find(int(text)) is None:
            dead.append(file.stem)
    logs = {name: folder.components / "logs" / f"{name}.log" for name in sorted(dead)}
    # All are looked at first: when etcd cannot bind, the API server ends too, with other words.
    for name, log in logs.items():
        if _says(log, "address already in use"):
            raise PortTaken(f"A port of {name} was taken by another process.")
    for name, log in logs.items():
        raise ComponentEnded(f"{name} of cluster {folder.name} ended at once: {_last_words(log)}")


def _says(log: Path, words: str) -> bool:
    try:
        return words in log.read_text(errors="replace")[-100_000:]
    except OSError:
        return False


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return " / ".join(_readable(line) for line in lines[-3:]) or f"no output in {log}"


def _readable(line: str) -> str:
    """A log line without its frame: kwokctl writes JSON when nobody watches."""
    try:
        entry = json.loads(line)
        words = ": ".join(str(entry[key]) for key in ("msg", "err") if entry.get(key))
    except (ValueError, TypeError, AttributeError):
        words = ""
    return (words or line.strip())[:300]


def start_kubelet(folder: Folder) -> None:
    """Start the simulated kubelet of this cluster as a process that outlives us, unless it runs."""
    if any("cluster.embedded.kubelet" in " ".join(p.argv) for p in folder.processes()):
        return
    root = str(Path(cluster.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "cluster.embedded.kubelet", "--folder", str(folder.path)]
    try:
        with folder.kubelet_log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder.path,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
    except OSError as error:
        raise ClusterError(f"Cannot start the simulated kubelet: {error.strerror}.") from error
    # It forks itself into the background; this one ends at once.
    if process.wait() != 0:
        raise ClusterError(
            f"The simulated kubelet did not start: {_last_words(folder.kubelet_log)}"
        )
