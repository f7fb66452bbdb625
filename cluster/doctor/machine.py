"""Findings about the machine: processor, memory, disk, limits, rights, network settings."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from pathlib import Path

from cluster.doctor.finding import Finding
from cluster.kind import machine
from cluster.paths import cache_dir, home_dir

GIB = 1 << 30
KIND_MEMORY, EMBEDDED_MEMORY = 4 * GIB, int(1.5 * GIB)
KIND_DISK, EMBEDDED_DISK = 12 * GIB, 3 * GIB
INOTIFY = {"max_user_instances": (128, 512), "max_user_watches": (65536, 524288)}
"""Below the first, four nodes do not start; the second is what to set."""
OPEN_FILES = 8192


def processors() -> Finding:
    """How many processors there are."""
    count = os.cpu_count() or 1
    if count >= 2:
        return Finding(name="processors", status="ok", found=f"{count}")
    fix = "Give the virtual machine a second processor, or be patient."
    return Finding(name="processors", status="note", found="only one", fix=fix)


def memory(available: int | None = None) -> Finding:
    """How much memory is free."""
    free = _free_memory() if available is None else available
    if free is None:
        return Finding(name="memory", status="ok", found="not known on this system")
    found = f"{free / GIB:.1f} GiB available"
    if free >= KIND_MEMORY:
        return Finding(name="memory", status="ok", found=found)
    if free >= EMBEDDED_MEMORY:
        fix = "Close other programs, or use `mlk8s up --provider embedded`."
        return Finding(name="memory", status="problem", found=found, fix=fix, concerns="kind")
    return Finding(name="memory", status="problem", found=found, fix="Close other programs.")


def _free_memory() -> int | None:
    try:
        for line in (machine.PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def disk(free: int | None = None) -> Finding:
    """How much room there is where images and programs go."""
    where = _existing(cache_dir())
    have = shutil.disk_usage(where).free if free is None else free
    found = f"{have / GIB:.0f} GiB free at {where}"
    if have >= KIND_DISK:
        return Finding(name="disk", status="ok", found=found)
    fix = "Free some space, or let MLK8S_CACHE name a folder on another disk."
    concerns = "kind" if have >= EMBEDDED_DISK else "everything"
    return Finding.model_validate(
        {"name": "disk", "status": "problem", "found": found, "fix": fix, "concerns": concerns}
    )


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def folders() -> Finding:
    """Whether our folders can be written."""
    for path in (cache_dir(), home_dir()):
        place = _existing(path)
        if not os.access(place, os.W_OK):
            fix = f"sudo chown -R $USER {place}"
            return Finding(
                name="folders", status="problem", found=f"{place} cannot be written", fix=fix
            )
    return Finding(name="folders", status="ok", found="can be written")


def inotify() -> Finding:
    """Whether enough files can be watched; too few make kubelets fail in odd ways."""
    low, scarce, settings = [], [], []
    for name, (needed, advised) in INOTIFY.items():
        try:
            have = int((machine.PROC / "sys/fs/inotify" / name).read_text())
        except (OSError, ValueError):
            continue
        if have < needed:
            low.append(f"{name} is {have}")
        elif have < advised:
            scarce.append(f"{name} is {have}")
        settings.append(f"fs.inotify.{name}={advised}")
    fix = f"sudo sysctl {' '.join(settings)}"
    if not low and not scarce:
        return Finding(name="inotify", status="ok", found="enough watches")
    if not low:
        found = f"{', '.join(scarce)}: enough for one cluster, not for two at once"
        return Finding(name="inotify", status="note", found=found, fix=fix, concerns="kind")
    return Finding(name="inotify", status="problem", found=", ".join(low), fix=fix, concerns="kind")


def open_files() -> Finding:
    """How many files a process may open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 0 or hard >= OPEN_FILES:
        found = "no limit" if hard < 0 else f"{hard}"
        return Finding(name="open files", status="ok", found=found)
    fix = "Raise `nofile` in /etc/security/limits.conf to 65536 and log in again."
    return Finding(
        name="open files", status="problem", found=f"only {hard}", fix=fix, concerns="kind"
    )


def cgroups() -> Finding:
    """Which cgroups this machine has, and whether containers can use them."""
    version = machine.cgroup_version()
    if version is None:
        return Finding(name="cgroups", status="ok", found="the container engine's own matter here")
    if version == 2:
        return _delegated()
    if machine.mixed_cgroups() and not shutil.which("runc"):
        found = "versions 1 and 2 mixed, which crun refuses"
        fix = "sudo apt-get install runc"
        return Finding(name="cgroups", status="problem", found=found, fix=fix, concerns="kind")
    fix = "Nothing has to be done: nodes are told to accept it (failCgroupV1: false)."
    return Finding(name="cgroups", status="note", found="version 1", fix=fix, concerns="kind")


def _delegated() -> Finding:
    user = os.getuid()
    if user == 0:
        return Finding(name="cgroups", status="ok", found="version 2")
    service = machine.CGROUP / f"user.slice/user-{user}.slice/user@{user}.service"
    try:
        have = set((service / "cgroup.controllers").read_text().split())
    except OSError:
        return Finding(name="cgroups", status="ok", found="version 2")
    missing = sorted({"cpu", "memory", "pids"} - have)
    if not missing:
        return Finding(name="cgroups", status="ok", found="version 2, with all controllers")
    fix = (
        "See https://kind.sigs.k8s.io/docs/user/rootless/ (Delegate=yes), or use Docker with root."
    )
    found = f"version 2, but an engine without root may not use: {', '.join(missing)}"
    return Finding(name="cgroups", status="note", found=found, fix=fix, concerns="kind")


def rights() -> Finding:
    """Whether something takes rights away that container engines count on."""
    if machine.may_raise_limits():
        return Finding(name="rights", status="ok", found="limits may be raised")
    found = "CAP_SYS_RESOURCE is missing: this looks like a sandbox"
    fix = "Use podman as root: mlk8s gives it limits that it may set. Docker may not start nodes."
    return Finding(name="rights", status="note", found=found, fix=fix, concerns="kind")


def modules(path: Path = Path("/lib/modules")) -> Finding:
    """Whether the folder is there that kind mounts into every node."""
    if os.uname().sysname != "Linux" or path.is_dir():
        return Finding(name="kernel modules", status="ok", found="nothing is missing")
    return Finding(
        name="kernel modules",
        status="problem",
        found=f"{path} does not exist, and nodes need it",
        fix=f"sudo mkdir -p {path}",
        concerns="kind",
    )


def proxies(environment: dict[str, str] | None = None) -> Finding:
    """Whether a proxy would stand between us and our own clusters."""
    values = dict(os.environ) if environment is None else environment
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    used = sorted({name for name in names if values.get(name)})
    if not used:
        return Finding(name="proxies", status="ok", found="none is set")
    spared = values.get("NO_PROXY", "") + "," + values.get("no_proxy", "")
    hosts = {part.strip() for part in spared.split(",")}
    if "*" in hosts or {"127.0.0.1", "localhost"} & hosts:
        return Finding(
            name="proxies", status="ok", found=f"{', '.join(used)}; this machine is spared"
        )
    fix = 'export NO_PROXY="$NO_PROXY,127.0.0.1,localhost,10.96.0.0/16,10.244.0.0/16,.svc,.local"'
    found = f"{', '.join(used)} would also be used for this machine's own clusters"
    return Finding(name="proxies", status="problem", found=found, fix=fix)


def loopback() -> Finding:
    """Whether servers can listen on this machine; all clusters pick free ports there."""
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
    except OSError as error:
        return Finding(
            name="ports",
            status="problem",
            found=f"127.0.0.1 has no free port: {error.strerror}",
            fix="End programs that hold many connections, then try again.",
        )
    return Finding(name="ports", status="ok", found="free ports on 127.0.0.1")
