"""Docker or podman: which one answers, and the few things that are asked of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cluster.errors import CannotProvide, ClusterError
from cluster.kind.machine import has_netavark, podman_settings, resolves_names, sets_up_rules
from cluster.kind.sizes import Machine
from cluster.paths import home_dir, make_dir, write_whole

EngineName = Literal["docker", "podman"]
ENGINES: tuple[EngineName, ...] = ("docker", "podman")
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_QUICK = 15.0
_LONG = 900.0


@dataclass(frozen=True)
class Container:
    """A node's container: its name, whether it runs, and its role as kind labels it."""

    name: str
    running: bool
    role: str = ""


@dataclass(frozen=True)
class Engine:
    """A container engine that answers, and the environment to call it in."""

    name: EngineName
    environment: dict[str, str] = field(default_factory=dict)
    _info: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def run(
        self,
        *arguments: str,
        stdin: Path | None = None,
        seconds: float = _QUICK,
        check: bool = True,
    ) -> str:
        """Run one engine command; returns what it prints. Raises ClusterError with its words."""
        try:
            with (stdin or Path(os.devnull)).open("rb") as source:
                done = subprocess.run(
                    [self.name, *arguments],
                    stdin=source,
                    capture_output=True,
                    timeout=seconds,
                    check=False,
                    env={**os.environ, **self.environment},
                )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"{self.name} {arguments[0]} did not end within {seconds:.0f} s."
            ) from error
        except OSError as error:
            raise ClusterError(f"Cannot run {self.name}: {error.strerror or error}.") from error
        if done.returncode != 0 and check:
            raise ClusterError(f"{self.name} {arguments[0]} failed: {last_words(done.stderr)}")
        return done.stdout.decode(errors="replace").strip()

    def containers(self, cluster: str) -> list[Container]:
        """The containers of a kind cluster, running or not."""
        listed = self.run(
            "ps",
            "--all",
            "--filter",
            f"label={CLUSTER_LABEL}={cluster}",
            "--format",
            '{{.Names}}|{{.State}}|{{index .Labels "io.x-k8s.kind.role"}}'
            if self.name == "podman"
            else '{{.Names}}|{{.State}}|{{.Label "io.x-k8s.kind.role"}}',
        )
        found = []
        for line in listed.splitlines():
            name, state, role = [*line.split("|"), "", ""][:3]
            # podman says "Up 5 seconds ago" before version 4.4, everybody else "running".
            running = state.strip().lower().startswith(("running", "up"))
            found.append(Container(name, running, role))
        return sorted(found, key=lambda container: container.name)

    def start(self, names: list[str]) -> None:
        """Start stopped containers."""
        self.run("start", *names, seconds=120)

    def image_id(self, name: str) -> str:
        """The id of an image that the engine has, or empty."""
        identity = self.run("image", "inspect", "--format", "{{.Id}}", name, check=False)
        return f"sha256:{identity.removeprefix('sha256:')}" if identity else ""

    def load(self, archive: Path) -> None:
        """Take in an image archive."""
        self.run("load", "--quiet", "--input", str(archive), seconds=_LONG)

    def pull(self, name: str) -> None:
        """Fetch an image from its registry."""
        self.run("pull", "--quiet", name, seconds=_LONG)

    def save(self, names: list[str], target: Path) -> None:
        """Write an image with these names as an archive."""
        extra = ["--format", "docker-archive"] if self.name == "podman" else []
        self.run("save", *extra, "--output", str(target), *names, seconds=_LONG)

    def info(self) -> dict[str, Any]:
        """What the engine says about itself; asked once, since podman takes seconds to answer."""
        if not self._info:
            template = "json" if self.name == "podman" else "{{json .}}"
            raw = json.loads(self.run("info", "--format", template))
            self._info.update(raw if isinstance(raw, dict) else {})
        return self._info

    def machine(self) -> Machine:
        """What the machine has on which containers run; on macOS that is a virtual one."""
        info = self.info()
        host = info.get("host") or {}
        cpus = info.get("NCPU") or host.get("cpus")
        memory = info.get("MemTotal") or host.get("memTotal")
        if not cpus or not memory:
            raise ClusterError(f"{self.name} does not say how many processors and memory it has.")
        return Machine(int(cpus), int(memory))


def last_words(raw: bytes | str) -> str:
    """The last lines of what a program said, on one line."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " / ".join(lines[-2:])[:600] or "it said nothing"


def find_engine() -> Engine:
    """The engine to use. Raises CannotProvide with the reasons why none can be."""
    wanted = os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "")
    order = [name for name in ENGINES if name == wanted] or list(ENGINES)
    reasons = []
    for name in order:
        engine, reason = probe(name)
        if engine is not None:
            return engine
        reasons.append(reason.rstrip("."))
    raise CannotProvide("; ".join(reasons) + ".", "mlk8s doctor")


FRESH = 20.0
"""Seconds for which an engine that has answered is not asked again."""
_answered: dict[tuple[str, ...], tuple[float, Engine]] = {}


def probe(name: EngineName) -> tuple[Engine | None, str]:
    """The engine of this name if it answers, else why not."""
    key = (name, *(os.environ.get(variable, "") for variable in _MATTERS))
    at, known = _answered.get(key, (-FRESH, None))
    if known is not None and time.monotonic() - at < FRESH:
        return known, ""
    engine, reason = _ask(name)
    if engine is not None:
        _answered[key] = (time.monotonic(), engine)
    return engine, reason


_MATTERS = ("PATH", "MLK8S_HOME", "DOCKER_HOST", "CONTAINERS_CONF", "CONTAINER_HOST")


def _ask(name: EngineName) -> tuple[Engine | None, str]:
    if shutil.which(name) is None:
        return None, f"{name} is not installed"
    engine = Engine(name, _environment(name))
    try:
        if not resolves_names(_network(engine)) and has_netavark():
            engine = Engine(name, _environment(name, netavark=True))
        info = engine.info()
    except (ClusterError, ValueError) as error:
        return None, _why(name, str(error))
    if problem := _unfit(name, info):
        return None, problem
    return engine, ""


def _network(engine: Engine) -> str:
    """The network stack of podman, by its own word."""
    return str((engine.info().get("host") or {}).get("networkBackend") or "")


def _environment(name: EngineName, netavark: bool = False) -> dict[str, str]:
    """What the engine, and kind when it calls the engine, needs on this machine."""
    values: dict[str, str] = {"KIND_EXPERIMENTAL_PROVIDER": name}
    if name == "podman" and "CONTAINERS_CONF" not in os.environ:
        settings = podman_settings(netavark)
        if settings:
            path = make_dir(home_dir(), 0o700) / "containers.conf"
            if not path.exists() or path.read_text() != settings:
                write_whole(path, settings)
            values["CONTAINERS_CONF"] = str(path)
    return values


def _why(name: str, said: str) -> str:
    lower = said.lower()
    if "permission denied" in lower:
        return f"{name} is installed, but you may not use it"
    if "cannot connect" in lower or "connection refused" in lower or "no such file" in lower:
        return f"{name} is installed, but its engine does not run"
    if "did not end within" in lower:
        return f"{name} is installed, but its engine does not answer"
    return f"{name} does not work: {said}"


def _unfit(name: EngineName, info: dict[str, Any]) -> str:
    if name == "docker":
        if errors := info.get("ServerErrors"):
            return _why(name, str(errors[0]))
        return (
            "" if info.get("ServerVersion") else "docker is installed, but its engine does not run"
        )
    host = info.get("host") or {}
    rootless = bool((host.get("security") or {}).get("rootless"))
    if rootless and host.get("cgroupVersion") == "v1":
        return "podman without root needs cgroup v2, and this machine has v1"
    if not resolves_names(str(host.get("networkBackend") or "")):
        return "podman's containers do not find each other by name, since aardvark-dns is missing"
    remote = host.get("serviceIsRemote") or sys.platform != "linux"
    if host.get("networkBackend") == "netavark" and not remote and not sets_up_rules():
        return "podman's containers get no network, since iptables is missing"
    return ""
