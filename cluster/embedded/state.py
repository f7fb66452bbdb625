"""The folder of one cluster: what was asked for, how far creation got, who it belongs to.

<home>/clusters/<name>.lock          held while a cluster is created or deleted
<home>/clusters/<name>/state.json    the Record below
                      /kubeconfig    mode 0600, certificates inside
                      /kwokctl.yaml  what kwokctl was told
                      /kwok/         KWOK_WORKDIR: certificates, etcd's data, logs
                      /kubelet.log   of the simulated kubelet
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from cluster.errors import ClusterError
from cluster.locks import holding
from cluster.model import ClusterSpec
from cluster.paths import home_dir
from cluster.processes import Process, find, mine
from cluster.records import RecordFile, write_kubeconfig

DEFAULT_TIME_FACTOR = 0.05
THROW_AWAY = "fresh-"
"""Begins the generated names of clusters that are used once."""
_DOOMED = ".deleted-"


class Owner(BaseModel):
    """The process that a throw-away cluster belongs to."""

    model_config = ConfigDict(frozen=True)
    pid: int
    started: str


class Record(BaseModel):
    """What is written down about a cluster. `creating` means: not to be trusted, make it anew."""

    model_config = ConfigDict(frozen=True)
    phase: Literal["creating", "ready"]
    spec: ClusterSpec
    kubernetes_version: str
    time_factor: float = DEFAULT_TIME_FACTOR
    owner: Owner | None = None


class Folder:
    """The files and processes of one embedded cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = clusters_dir() / name
        self.workdir = self.path / "kwok"
        self.components = self.workdir / "clusters" / name
        self.kubeconfig = self.path / "kubeconfig"
        self.internal_kubeconfig = self.components / "kubeconfig.yaml"
        self.config = self.path / "kwokctl.yaml"
        self.kubelet_log = self.path / "kubelet.log"
        self._record = RecordFile(self.path / "state.json", Record)

    def exists(self) -> bool:
        """Whether anything of this cluster is on disk."""
        return self.path.is_dir()

    def read(self) -> Record | None:
        """The record, or None where there is none that can be read."""
        return self._record.read()

    def write(self, record: Record) -> None:
        """Store the record, whole or not at all; one that is there already is left as it is."""
        self._record.write(record)

    def write_kubeconfig(self) -> None:
        """Write the cluster's own kubeconfig: certificates inside, readable by its user only."""
        try:
            config = yaml.safe_load(self.internal_kubeconfig.read_text())
            cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
            for holder, key in (
                (cluster, "certificate-authority"),
                (user, "client-certificate"),
                (user, "client-key"),
            ):
                content = Path(holder.pop(key)).read_bytes()
                holder[f"{key}-data"] = base64.b64encode(content).decode()
        except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
            raise ClusterError(f"The certificates of cluster {self.name} are missing.") from error
        write_kubeconfig(self.kubeconfig, config, self.name)

    def processes(self) -> list[Process]:
        """The living processes of exactly this cluster, including leftovers of a killed bring-up.

        Known by their command line, which holds this cluster's folder in a place where only its
        own processes have it; merely mentioning a file in it (an editor, `tail`) does not count.
        """
        return [process for process in mine() if self._is_ours(process)]

    def _is_ours(self, process: Process) -> bool:
        # Joined, because ps on macOS does not say where an argument with a space ends.
        line = " ".join(process.argv)
        if line.startswith(f"{self.components / 'bin'}{os.sep}"):
            return True
        if "-m cluster.embedded.kubelet" in line and line.endswith(f"--folder {self.path}"):
            return True
        return "kwokctl" in line.partition(" --")[0] and f"--config {self.config}" in line

    def remove(self) -> None:
        """Delete the folder. Raises ClusterError if something in it cannot be deleted."""
        if not self.path.exists():
            return
        # Renamed first, so that a removal that is killed half-way leaves no cluster by this name.
        doomed = self.path.with_name(f"{_DOOMED}{self.name}-{os.getpid()}")
        try:
            self.path.rename(doomed)
            _remove_tree(doomed)
        except OSError as error:
            raise ClusterError(
                f"Cannot remove {error.filename or doomed}: {error.strerror or error}."
            ) from error

    def forget_lock(self) -> None:
        """Remove the lock file of a deleted throw-away cluster; its name is never used again.

        Others keep theirs: a lock file that is removed while another process waits for it would
        let two processes in.
        """
        if self.name.startswith(THROW_AWAY):
            self.path.with_name(f"{self.name}.lock").unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self, seconds: float = 120.0) -> Iterator[None]:
        """Hold the cluster for creating or deleting it; raises ClusterBusy after so long."""
        with holding(self.path.with_name(f"{self.name}.lock"), self.name, seconds):
            yield


def clusters_dir() -> Path:
    """The folder that holds every embedded cluster of this user."""
    return home_dir() / "clusters"


def folders() -> list[Folder]:
    """Every cluster on disk, by name. Sweeps up folders whose removal was interrupted."""
    root = clusters_dir()
    if not root.is_dir():
        return []
    found = []
    for entry in sorted(root.iterdir()):
        if entry.name.startswith(_DOOMED):
            remover = entry.name.rpartition("-")[2]
            if not remover.isdigit() or find(int(remover)) is None:
                shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_dir():
            found.append(Folder(entry.name))
    return found


def _remove_tree(path: Path) -> None:
    """Remove a folder in which a dying process, or a sweeper, may still add or remove files."""
    for attempt in range(5):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError:
            if attempt == 4:
                raise
        if not path.exists():
            return
