"""The programs that mlk8s runs, their pinned versions, and where each can come from."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.model import KUBERNETES_VERSION

ETCD_VERSION = "3.7.3"
KWOK_VERSION = "0.8.0"
KIND_VERSION = "0.33.0"
CONTAINERD_VERSION = "2.4.2"
COREDNS_VERSION = "1.15.0"
METRICS_VERSION = "0.9.0"
PROMETHEUS_VERSION = "3.13.5"
"""All must agree with `cluster/tools/*/go.mod` (tested)."""

_VERSION = re.compile(r"v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


@dataclass(frozen=True)
class Tool:
    """One program. `package` is its main package in Go; `build_seconds` is what a build from
    nothing took on two cores, which weighs the progress of a build."""

    name: str
    project: str
    package: str
    build_seconds: float
    version_arguments: tuple[str, ...] = ("--version",)


@dataclass(frozen=True)
class Project:
    """Programs that share one version and one pinned Go module (`cluster/tools/<name>`)."""

    name: str
    version: str
    tools: tuple[Tool, ...]
    ldflags: str = ""
    tags: str = ""
    module_version: str = ""
    """The version of the Go module, where it is numbered differently from the programs."""

    @property
    def module(self) -> Path:
        """The folder with the go.mod and go.sum that pin the whole build."""
        return Path(__file__).resolve().parent.parent / "tools" / self.name


@dataclass(frozen=True)
class Source:
    """An official download: the file, and where its checksum is published.

    `checksum` is a file in `sha256sum` format, a bare digest, or GitHub's description of a release
    (JSON), which states a digest for each of its files. `member` is the program inside an archive.
    """

    url: str
    checksum: str
    member: str = ""


def _kubernetes_flags() -> str:
    major, minor, _ = KUBERNETES_VERSION.split(".", 2)
    # Both packages: the servers read the first, kubectl the second; unstamped they say v0.0.0.
    values = (
        f"gitVersion=v{KUBERNETES_VERSION}",
        f"gitMajor={major}",
        f"gitMinor={minor}",
        "gitTreeState=clean",
    )
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{value}" for package in packages for value in values)


def _kubernetes(name: str, seconds: float, arguments: tuple[str, ...] = ("--version",)) -> Tool:
    return Tool(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", seconds, arguments)


def _containerd(name: str, seconds: float, arguments: tuple[str, ...] = ("--version",)) -> Tool:
    package = f"github.com/containerd/containerd/v2/cmd/{name}"
    return Tool(name, "containerd", package, seconds, arguments)


PROJECTS: dict[str, Project] = {
    project.name: project
    for project in (
        Project(
            "etcd",
            ETCD_VERSION,
            (Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", 26),),
        ),
        Project(
            "kwok",
            KWOK_VERSION,
            (
                Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 70),
                Tool("kwokctl", "kwok", "sigs.k8s.io/kwok/cmd/kwokctl", 40),
            ),
            f"-X sigs.k8s.io/kwok/pkg/consts.Version=v{KWOK_VERSION}",
        ),
        Project(
            "kubernetes",
            KUBERNETES_VERSION,
            (
                _kubernetes("kube-apiserver", 210),
                _kubernetes("kube-controller-manager", 55),
                _kubernetes("kube-scheduler", 8),
                _kubernetes("kubectl", 20, ("version", "--client")),
                _kubernetes("kubelet", 45),
                _kubernetes("kubeadm", 20, ("version", "-o", "short")),
                _kubernetes("kube-proxy", 5),
            ),
            _kubernetes_flags(),
        ),
        Project("kind", KIND_VERSION, (Tool("kind", "kind", "sigs.k8s.io/kind", 5, ("version",)),)),
        Project(
            "containerd",
            CONTAINERD_VERSION,
            (
                _containerd("containerd", 50),
                _containerd("containerd-shim-runc-v2", 5, ("-v",)),
                _containerd("ctr", 10),
            ),
            f"-X github.com/containerd/containerd/v2/version.Version=v{CONTAINERD_VERSION}",
            # Snapshotters that no node image uses, and that need C libraries.
            "no_btrfs no_aufs no_zfs no_devmapper",
        ),
        Project(
            "coredns",
            COREDNS_VERSION,
            (Tool("coredns", "coredns", "github.com/coredns/coredns", 240, ("-version",)),),
        ),
        Project(
            "metrics-server",
            METRICS_VERSION,
            (
                Tool(
                    "metrics-server",
                    "metrics-server",
                    "sigs.k8s.io/metrics-server/cmd/metrics-server",
                    140,
                ),
            ),
            f"-X k8s.io/client-go/pkg/version.gitVersion=v{METRICS_VERSION}",
        ),
        Project(
            "prometheus",
            PROMETHEUS_VERSION,
            (
                Tool(
                    "promtool",
                    "prometheus",
                    "github.com/prometheus/prometheus/cmd/promtool",
                    120,
                ),
            ),
            f"-X github.com/prometheus/common/version.Version={PROMETHEUS_VERSION}",
            # Rules need none of the two dozen ways to discover what to scrape.
            "remove_all_sd netgo",
            # Prometheus 3.13 is the Go module v0.313: its major has no import path of its own.
            "0." + "{:d}{:02d}.{:d}".format(*map(int, PROMETHEUS_VERSION.split("."))),
        ),
    )
}

KNOWN: dict[str, Tool] = {
    tool.name: tool for project in PROJECTS.values() for tool in project.tools
}
"""Every program that can be asked for by name."""

NODE_TOOLS = (
    "kubelet",
    "kubeadm",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "coredns",
    "metrics-server",
)
"""What a node image consists of besides the control plane; Linux only."""

LAB_TOOLS = ("promtool",)
"""What single labs ask for when they are played; no cluster needs it."""

TOOLS: dict[str, Tool] = {
    name: tool
    for name, tool in KNOWN.items()
    if name not in (*NODE_TOOLS, *LAB_TOOLS) and name != "kind"
}
"""What the embedded control plane consists of: the programs that are meant where none is named."""


def go_platform() -> tuple[str, str]:
    """This machine's operating system and architecture in Go's words."""
    system = "darwin" if sys.platform == "darwin" else "linux"
    machine = platform.machine().lower()
    return system, {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def parse_version(output: str) -> str:
    """The first version in what a program prints about itself, without the v; empty if none."""
    found = _VERSION.search(output)
    return found.group(1) if found else ""


def acceptable(tool: Tool, version: str) -> bool:
    """Whether this version of a program may serve.

    Exactly the pinned one, except that kubectl works with API servers one minor version older or
    newer, and that promtool evaluates rules alike within one major version (the next major one
    may change what a range covers, as the third did).
    """
    wanted = PROJECTS[tool.project].version
    if version == wanted:
        return True
    if tool.name == "promtool":
        return version.split(".", maxsplit=1)[0] == wanted.split(".")[0]
    if tool.name != "kubectl" or not version:
        return False
    have, want = version.split("."), wanted.split(".")
    return have[0] == want[0] and abs(int(have[1]) - int(want[1])) <= 1


def official_source(tool: Tool) -> Source | None:
    """Where the pinned version is published for this machine; None if it is not."""
    system, machine = go_platform()
    version = PROJECTS[tool.project].version
    if tool.project == "kubernetes":
        if system != "linux" and tool.name != "kubectl":
            return None  # servers are published for Linux only
        url = f"https://dl.k8s.io/v{version}/bin/{system}/{machine}/{tool.name}"
        return Source(url, f"{url}.sha256")
    if tool.project == "etcd":
        base = f"https://github.com/etcd-io/etcd/releases/download/v{version}"
        folder = f"etcd-v{version}-{system}-{machine}"
        archive = f"{folder}.zip" if system == "darwin" else f"{folder}.tar.gz"
        return Source(f"{base}/{archive}", f"{base}/SHA256SUMS", f"{folder}/etcd")
    if tool.project == "kind":
        url = (
            f"https://github.com/kubernetes-sigs/kind/releases/download/v{version}"
            f"/kind-{system}-{machine}"
        )
        return Source(url, f"{url}.sha256sum")
    if tool.project == "prometheus":
        base = f"https://github.com/prometheus/prometheus/releases/download/v{version}"
        folder = f"prometheus-{version}.{system}-{machine}"
        return Source(f"{base}/{folder}.tar.gz", f"{base}/sha256sums.txt", f"{folder}/promtool")
    if tool.project != "kwok":
        return None  # only for node images that are built from source
    repository = "kubernetes-sigs/kwok"
    return Source(
        f"https://github.com/{repository}/releases/download/v{version}"
        f"/{tool.name}-{system}-{machine}",
        # This project publishes no checksum file; GitHub itself states a digest for each asset.
        f"https://api.github.com/repos/{repository}/releases/tags/v{version}",
    )
