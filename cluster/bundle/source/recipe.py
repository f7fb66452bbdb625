"""What images are made of, and the keys under which what was made is found again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cluster.binaries.catalog import (
    CONTAINERD_VERSION,
    COREDNS_VERSION,
    ETCD_VERSION,
    KIND_VERSION,
    METRICS_VERSION,
)
from cluster.model import KUBERNETES_VERSION

SUITE = "bookworm"
"""Its systemd also starts on machines with cgroup v1, which newer ones refuse."""

NODE_PACKAGES = (
    "systemd",
    "iptables",
    "nftables",
    "conntrack",
    "iproute2",
    "ethtool",
    "mount",
    "kmod",
    "jq",
    "curl",
    "procps",
    "runc",
    "containernetworking-plugins",
    "e2fsprogs",
    "fuse-overlayfs",
    "ca-certificates",
)
LAB_PACKAGES = ("nginx-light", "busybox-static")
"""Installed beside the node's system, to be copied from; no part of the node image."""

FILES = Path(__file__).resolve().parent / "files"
PROGRAMS = Path(__file__).resolve().parent.parent.parent / "images"
"""The sources of our own programs: pause, node-network, image-mirror, model."""

NODE_IMAGE = f"localhost/mlk8s/kind-node:v{KUBERNETES_VERSION}"
NETWORK_IMAGE = "mlk8s.invalid/node-network:v1"
PAUSE_IMAGES = ("registry.k8s.io/pause:3.10",)
"""What kind's containerd configuration asks for, besides the one that kubeadm names."""


def _fingerprint(*folders: Path) -> str:
    """A short digest of these files, and of all in these folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(folder)}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def system_key() -> str:
    """Names the Debian system that images are made from."""
    parts = "\n".join((SUITE, *NODE_PACKAGES, *LAB_PACKAGES))
    return f"{SUITE}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


_OF_LABS = ("model", "load")
"""Programs that go into lab images and not into the node image."""


def node_key() -> str:
    """Changes whenever anything that goes into the node image does, which takes long to make."""
    mine = sorted(path for path in PROGRAMS.iterdir() if path.name not in _OF_LABS)
    code = [FILES.parent / name for name in ("node.py", "debian.py", "recipe.py", "programs.py")]
    return _key(FILES, *code, *mine)


def labs_key() -> str:
    """Changes whenever anything that goes into the other images does."""
    return _key(FILES, FILES.parent, *(PROGRAMS / name for name in _OF_LABS))


def _key(*folders: Path) -> str:
    versions = "/".join(
        (
            KUBERNETES_VERSION,
            KIND_VERSION,
            CONTAINERD_VERSION,
            COREDNS_VERSION,
            ETCD_VERSION,
            METRICS_VERSION,
        )
    )
    parts = f"{versions}/{system_key()}/{_fingerprint(*folders)}"
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
