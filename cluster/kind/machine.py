"""What this machine lacks that clusters of containers would otherwise take for granted."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.kind.engine import Engine

_SYS_RESOURCE = 24  # CAP_SYS_RESOURCE, see capabilities(7)
CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")
# As in containers.conf(5): helper_binaries_dir and cni_plugin_dirs.
PODMAN_HELPERS = tuple(
    Path(folder, "podman")
    for folder in ("/usr/local/libexec", "/usr/local/lib", "/usr/libexec", "/usr/lib")
)
CNI_PLUGINS = tuple(
    Path(folder)
    for folder in (
        "/usr/local/libexec/cni",
        "/usr/libexec/cni",
        "/usr/local/lib/cni",
        "/usr/lib/cni",
        "/opt/cni/bin",
    )
)
# Not on everybody's PATH, and searched by netavark all the same.
SYSTEM_PROGRAMS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def cgroup_version() -> int | None:
    """1 or 2, or None where there are no cgroups (macOS)."""
    if (CGROUP / "cgroup.controllers").exists():
        return 2
    return 1 if CGROUP.is_dir() else None


def may_raise_limits() -> bool:
    """Whether processes here may raise their limits, as container engines do by default."""
    try:
        status = (PROC / "self/status").read_text()
    except OSError:
        return True
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> _SYS_RESOURCE & 1)
    return True


def mixed_cgroups() -> bool:
    """Whether cgroup v1 is in use and v2 has controllers besides, which crun refuses."""
    try:
        return bool((CGROUP / "unified/cgroup.controllers").read_text().strip())
    except OSError:
        return False


def resolves_names(network: str) -> bool:
    """Whether containers find each other by name under podman's network stack of this name.

    The nodes of a cluster must. CNI does it with its plugin dnsname only, which came apart.
    """
    return network != "cni" or any((folder / "dnsname").exists() for folder in CNI_PLUGINS)


def has_netavark() -> bool:
    """Whether podman's younger network stack is here, with the name server that it needs."""
    return all(
        any((folder / program).exists() for folder in PODMAN_HELPERS)
        for program in ("netavark", "aardvark-dns")
    )


def sets_up_rules() -> bool:
    """Whether netavark finds a program for the rules of its networks: without one, no container
    gets an address."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_PROGRAMS])
    return any(shutil.which(program, path=folders) for program in ("iptables", "nft"))


def podman_settings(netavark: bool = False) -> str:
    """A containers.conf for what podman cannot do here by default; empty where nothing is wrong.

    With `netavark` it names that network stack: podman itself stays with the one it found first.
    """
    parts = ['[network]\nnetwork_backend = "netavark"\n'] if netavark else []
    if not may_raise_limits():
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # podman lowers its own limit on processes a little; this one is safe, and plenty.
        processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1] // 3, 32768)
        limits = [
            f'"{name}={value}:{value}"'
            for name, value in (("nofile", files), ("nproc", processes))
            if value > 0  # not where there is no limit
        ]
        if limits:
            parts.append(f"[containers]\ndefault_ulimits = [{', '.join(limits)}]\n")
    if mixed_cgroups() and shutil.which("runc"):
        parts.append('[engine]\nruntime = "runc"\n')
    return "\n".join(parts)


MEMORY = 4 << 30
WATCHERS = ("max_user_instances", 128)
"""Below this many inotify instances, four nodes do not start."""


def too_weak(engine: Engine) -> str:
    """Why clusters would hardly run here, in words that follow "but"; or nothing."""
    machine = engine.machine()
    if machine.cpus < 2:
        return "there is only one processor for it"
    if machine.memory < MEMORY:
        return f"{engine.name} has {machine.memory / (1 << 30):.1f} GiB of memory, and it needs 4"
    try:
        instances = int((PROC / "sys/fs/inotify" / WATCHERS[0]).read_text())
    except (OSError, ValueError):
        return ""
    return "this machine allows too few inotify instances" if instances < WATCHERS[1] else ""
