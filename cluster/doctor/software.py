"""Findings about programs: container engines, kubectl, Go, images at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cluster.binaries import build_seconds, missing
from cluster.binaries.catalog import KNOWN, acceptable
from cluster.binaries.verify import version_of
from cluster.bundle.source import unavailable as source_unavailable
from cluster.doctor.finding import Finding
from cluster.errors import ClusterError
from cluster.kind import images
from cluster.kind.engine import ENGINES, Engine, EngineName, probe
from cluster.model import KUBERNETES_VERSION

GIB = 1 << 30
_MENDS = {
    ("docker", "not installed"): "https://docs.docker.com/engine/install/",
    ("podman", "not installed"): "sudo apt-get install podman    (or: brew install podman)",
    ("docker", "may not use"): "sudo usermod -aG docker $USER, then log in again",
    ("podman", "may not use"): "Run it as your own user, not as another one.",
    ("docker", "does not run"): "sudo systemctl start docker    (or start Docker Desktop)",
    ("podman", "does not run"): "podman machine start",
    ("docker", "does not answer"): "sudo systemctl restart docker    (or restart Docker Desktop)",
    ("podman", "does not answer"): "podman system migrate",
    ("podman", "by name"): "sudo apt-get install netavark aardvark-dns iptables",
    ("podman", "iptables"): "sudo apt-get install iptables",
    ("podman", "cgroup v2"): "Use podman as root, or a system with cgroup v2.",
}


def engines() -> tuple[list[Finding], Engine | None]:
    """A finding for each engine, and the first that answers; one is enough."""
    findings, usable = [], None
    for name in ENGINES:
        engine, reason = probe(name)
        if engine is not None:
            usable = usable or engine
            findings.append(Finding(name=name, status="ok", found="answers"))
        else:
            findings.append(
                Finding(
                    name=name, status="note", found=reason, fix=_mend(name, reason), concerns="kind"
                )
            )
    if usable is None:
        findings = [finding.model_copy(update={"status": "problem"}) for finding in findings]
    return findings, usable


def _mend(name: EngineName, reason: str) -> str:
    for (engine, words), fix in _MENDS.items():
        if engine == name and words in reason:
            return fix
    return f"{name} info"


def engine_memory(engine: Engine) -> Finding:
    """How much memory the engine's own machine has, which on macOS is a virtual one."""
    try:
        info = engine.info()
    except (ClusterError, ValueError):
        return Finding(name="engine memory", status="ok", found="not known")
    host = info.get("host") or {}
    total = int(info.get("MemTotal") or host.get("memTotal") or 0)
    if not total or total >= 4 * GIB:
        return Finding(name="engine memory", status="ok", found=f"{total / GIB:.1f} GiB")
    fix = "Docker Desktop: Settings > Resources > Memory. podman: podman machine set --memory 6144"
    return Finding(
        name="engine memory",
        status="problem",
        found=f"{total / GIB:.1f} GiB",
        fix=fix,
        concerns="kind",
    )


def node_image(engine: Engine | None) -> Finding:
    """Where a kind cluster would get its node image."""
    name = "node image"
    try:
        there = images.at_hand(engine)
    except ClusterError as error:
        return Finding(name=name, status="problem", found=str(error), concerns="kind")
    if there:
        return Finding(name=name, status="ok", found=f"{there} is at hand")
    if images.reachable():
        found = "none yet; container registries can be reached"
        return Finding(name=name, status="note", found=found, fix="mlk8s up --provider kind")
    if (reason := source_unavailable()) is None:
        found = "none yet; it can be built from Debian packages and Go modules"
        fix = "mlk8s bundle build    (about ten minutes)"
        return Finding(name=name, status="note", found=found, fix=fix, concerns="kind")
    return Finding(
        name=name,
        status="problem",
        found=f"none, and no registry can be reached. {reason}",
        fix="mlk8s bundle load FILE    (made by `mlk8s bundle create FILE` on another machine)",
        concerns="kind",
    )


def kubectl() -> Finding:
    """Whether the kubectl on PATH fits; ours is used in any case."""
    found = shutil.which("kubectl")
    if found is None:
        return Finding(
            name="kubectl", status="ok", found="none on PATH; `mlk8s kubectl` has its own"
        )
    version = version_of(KNOWN["kubectl"], Path(found))
    if acceptable(KNOWN["kubectl"], version):
        return Finding(name="kubectl", status="ok", found=f"{version} fits {KUBERNETES_VERSION}")
    words = f"{found} is {version or 'no kubectl that runs'}, too far from {KUBERNETES_VERSION}"
    fix = "alias kubectl='mlk8s kubectl'"
    return Finding(name="kubectl", status="note", found=words, fix=fix)


def programs() -> Finding:
    """Whether the control plane's programs are here, and how long they take to get otherwise."""
    lacking = missing()
    if not lacking:
        return Finding(name="programs", status="ok", found="all are here")
    minutes = max(1, round(build_seconds(lacking) / 60))
    found = f"missing: {', '.join(lacking)}"
    fix = f"mlk8s up    (downloads them, or builds them in about {minutes} min)"
    return Finding(name="programs", status="note", found=found, fix=fix)


def go() -> Finding:
    """Whether programs could be built where no download site is reached."""
    path = shutil.which("go")
    if path is None:
        found = "none on PATH; if one is needed it is taken from PyPI"
        return Finding(name="go", status="ok", found=found)
    try:
        done = subprocess.run(
            [path, "version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return Finding(name="go", status="note", found=f"{path} does not run", fix="Reinstall Go.")
    return Finding(name="go", status="ok", found=done.stdout.strip())
