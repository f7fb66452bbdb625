"""A Debian system in a folder: made with debootstrap, and copied from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from cluster.bundle.source.recipe import LAB_PACKAGES, NODE_PACKAGES, SUITE, system_key
from cluster.errors import CannotProvide, ClusterError
from cluster.model import Progress, ProgressEvent
from cluster.paths import cache_dir, make_dir

BOOTSTRAP_SECONDS = 60.0
PACKAGES_SECONDS = 70.0


def unavailable() -> str | None:
    """None if a Debian system can be made here, else the reason in one sentence."""
    if os.uname().sysname != "Linux":
        return "Images can be built from Debian packages on Linux only."
    if shutil.which("debootstrap") is None:
        return "debootstrap is missing, which builds images from Debian packages."
    if os.geteuid() != 0:
        return "Building images from Debian packages needs root, as debootstrap does."
    return None


class System:
    """The folder of a Debian system with the packages that nodes need, and those of the labs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._done = root.with_name(f"{root.name}.ready")

    @classmethod
    def ensure(cls, progress: Progress) -> System:
        """The system from the cache, or a new one. Raises CannotProvide or ClusterError."""
        system = cls(make_dir(cache_dir() / "system") / system_key())
        if system._done.exists():
            return system
        if reason := unavailable():
            raise CannotProvide(reason, "apt-get install debootstrap")
        if system.root.exists():
            shutil.rmtree(system.root)  # what a killed build left
        system._bootstrap(progress)
        system._install(progress)
        system._done.touch()
        return system

    def _bootstrap(self, progress: Progress) -> None:
        action = f"Making a Debian {SUITE} system"
        progress(ProgressEvent(action, "started", remaining=BOOTSTRAP_SECONDS))
        mirror = [m for m in [os.environ.get("MLK8S_DEBIAN_MIRROR")] if m]
        _run(["debootstrap", "--variant=minbase", SUITE, str(self.root), *mirror], action, progress)
        progress(ProgressEvent(action, "done"))

    def _install(self, progress: Progress) -> None:
        action = "Installing the packages of nodes and labs"
        progress(ProgressEvent(action, "started", remaining=PACKAGES_SECONDS))
        # Services must not be started in a folder.
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        packages = [*NODE_PACKAGES, *LAB_PACKAGES]
        # Unpacked files need not survive a power cut: this folder is made anew then.
        (self.root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        command = ["apt-get", "install", "-qy", "--no-install-recommends", *packages]
        try:
            _run(["chroot", str(self.root), *command], action, progress)
        finally:
            policy.unlink(missing_ok=True)
        progress(ProgressEvent(action, "done"))

    def version(self, package: str) -> str:
        """The version of an installed package."""
        text = (self.root / "var/lib/dpkg/status").read_text()
        found = re.search(
            rf"^Package: {re.escape(package)}\n(?:.+\n)*?Version: (.+)$", text, re.MULTILINE
        )
        return found.group(1) if found else ""

    def libraries(self, *programs: str) -> list[str]:
        """The shared libraries, loader included, that these programs of the system need."""
        done = subprocess.run(
            ["chroot", str(self.root), "ldd", *programs],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterError(f"Cannot tell which libraries {', '.join(programs)} need.")
        return sorted(set(re.findall(r"(/\S+\.so[^\s:]*)", done.stdout)) - set(programs))

    def path(self, name: str) -> Path:
        """The real file behind a name of the system, its links followed inside the system."""
        current = Path(name)
        for _ in range(20):
            real = self.root / str(current).lstrip("/")
            if not real.is_symlink():
                return self.root / str(self._folder(current.parent) / current.name).lstrip("/")
            target = real.readlink()
            current = target if target.is_absolute() else self._folder(current.parent) / target
        raise ClusterError(f"{name} is a link without an end.")

    def _folder(self, folder: Path) -> Path:
        """A folder without the links that merge /lib and /sbin into /usr."""
        first = folder.parts[1] if len(folder.parts) > 1 else ""
        merged = first in ("lib", "lib64", "bin", "sbin")
        return Path("/usr") / str(folder).lstrip("/") if merged else folder


def _run(command: list[str], action: str, progress: Progress) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )
    except OSError as error:
        raise ClusterError(f"Cannot run {command[0]}: {error.strerror}.") from error
    if done.returncode != 0:
        words = " / ".join(line for line in done.stdout.strip().splitlines()[-3:])
        progress(ProgressEvent(action, "failed", words))
        raise ClusterError(f"{action} failed: {words}")
