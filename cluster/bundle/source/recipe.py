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
    """A short digest of all files in these folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(folder)}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def system_key() -> str:
    """Names the Debian system that images are made from."""
    parts = "\n".join((SUITE, *NODE_PACKAGES, *LAB_PACKAGES))
    return f"{SUITE}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def images_key() -> str:
    """Changes whenever anything that goes into an image does."""
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
    parts = f"{versions}/{system_key()}/{_fingerprint(FILES.parent, PROGRAMS)}"
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
