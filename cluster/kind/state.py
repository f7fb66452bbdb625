"""The folder of one kind cluster: what was asked for and how far creation got.

<home>/kind/<name>.lock          held while a cluster is created or deleted
<home>/kind/<name>/state.json    the Record below
                  /kubeconfig    mode 0600, certificates inside
                  /kind.yaml     what kind was told
                  /kind.log      what kind said
                  /tls/          the same certificates as files
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from cluster.api import Access
from cluster.errors import ClusterDown, ClusterError
from cluster.kind.sizes import Machine
from cluster.locks import holding
from cluster.model import Capabilities, ClusterSpec
from cluster.paths import cache_dir, default_home, home_dir, make_dir, write_whole
from cluster.records import RecordFile, write_kubeconfig


class Record(BaseModel):
    """What is written down about a cluster. `creating` means: not to be trusted, make it anew."""

    model_config = ConfigDict(frozen=True)
    phase: Literal["creating", "ready"]
    spec: ClusterSpec
    engine: Literal["docker", "podman"]
    image: str
    images: tuple[str, ...] = ()
    """Digests of the lab images that its nodes have."""
    capabilities: Capabilities = Capabilities()
    machine: Machine | None = None
    """The machine that nodes were cut to fit, where they have sizes of their own."""


class Folder:
    """The files of one kind cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = clusters_dir() / name
        self.kubeconfig = self.path / "kubeconfig"
        self.config = self.path / "kind.yaml"
        self.log = self.path / "kind.log"
        self._record = RecordFile(self.path / "state.json", Record)
        self.engine_name = f"{name}{_suffix()}"
        """What the engine calls the cluster: its names are shared by all homes of a machine."""

    def exists(self) -> bool:
        """Whether anything of this cluster is written down."""
        return self.path.is_dir()

    def read(self) -> Record | None:
        """The record, or None where there is none that can be read."""
        return self._record.read()

    def write(self, record: Record) -> None:
        """Store the record, whole or not at all; one that is there already is left as it is."""
        self._record.write(record)

    def write_kubeconfig(self, raw: str) -> None:
        """Store kind's kubeconfig under our names: one context, readable by its user only."""
        try:
            config = yaml.safe_load(raw)
            cluster, user = config["clusters"][0], config["users"][0]
            tls = make_dir(self.path / "tls", 0o700)
            for holder, key, name in (
                (cluster["cluster"], "certificate-authority-data", "ca.crt"),
                (user["user"], "client-certificate-data", "client.crt"),
                (user["user"], "client-key-data", "client.key"),
            ):
                write_whole(tls / name, base64.b64decode(holder[key]), 0o600)
        except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
            raise ClusterError(f"kind gave no usable kubeconfig for {self.name}.") from error
        write_kubeconfig(self.kubeconfig, config, self.name)

    def access(self) -> Access:
        """How to reach the API server. Raises ClusterDown if that was never known."""
        try:
            config: Any = yaml.safe_load(self.kubeconfig.read_text())
            server = str(config["clusters"][0]["cluster"]["server"])
        except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
            raise ClusterDown(f"There is no cluster {self.name}.", "mlk8s up") from error
        tls = self.path / "tls"
        return Access(server, tls / "ca.crt", tls / "client.crt", tls / "client.key")

    def remove(self) -> None:
        """Delete the folder."""
        try:
            shutil.rmtree(self.path, ignore_errors=not self.path.exists())
        except OSError as error:
            raise ClusterError(f"Cannot remove {self.path}: {error.strerror or error}.") from error

    @contextlib.contextmanager
    def locked(self, seconds: float = 600.0) -> Iterator[None]:
        """Hold the cluster for creating or deleting it; raises ClusterBusy after so long."""
        with holding(self.path.with_name(f"{self.name}.lock"), self.name, seconds):
            yield


def _suffix() -> str:
    """Nothing for the usual home; else a few letters that no other home has."""
    home = home_dir()
    if home == default_home():
        return ""
    return f"-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:6]}"


def claim(engine_name: str) -> None:
    """Write down whose cluster this is, where every home of this user sees it."""
    write_whole(make_dir(cache_dir() / "kind") / engine_name, str(home_dir().resolve()))


def give_up(engine_name: str) -> None:
    """The cluster is gone."""
    (cache_dir() / "kind" / engine_name).unlink(missing_ok=True)


def orphans() -> list[str]:
    """What the engine calls clusters whose whole home has been removed, so that nobody can."""
    try:
        entries = [
            (entry.name, Path(entry).read_text()) for entry in os.scandir(cache_dir() / "kind")
        ]
    except OSError:
        return []
    return sorted(name for name, home in entries if home and not Path(home).exists())


def clusters_dir() -> Path:
    """The folder that holds what is known of every kind cluster of this user."""
    return home_dir() / "kind"


def names() -> list[str]:
    """Every kind cluster that is written down."""
    root = clusters_dir()
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
