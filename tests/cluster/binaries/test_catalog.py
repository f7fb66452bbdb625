from __future__ import annotations

import re

import pytest

from cluster.binaries.catalog import (
    KNOWN,
    PROJECTS,
    TOOLS,
    acceptable,
    official_source,
    parse_version,
)
from cluster.binaries.golang import GO_MINIMUM
from cluster.model import KUBERNETES_VERSION

MODULES = {
    "kubernetes": "k8s.io/kubernetes",
    "etcd": "go.etcd.io/etcd/server/v3",
    "kwok": "sigs.k8s.io/kwok",
    "kind": "sigs.k8s.io/kind",
    "containerd": "github.com/containerd/containerd/v2",
    "coredns": "github.com/coredns/coredns",
    "metrics-server": "sigs.k8s.io/metrics-server",
    "prometheus": "github.com/prometheus/prometheus",
}


@pytest.mark.parametrize("name", PROJECTS)
def test_the_pinned_module_has_the_version_that_is_asked_for(name: str) -> None:
    project = PROJECTS[name]
    text = (project.module / "go.mod").read_text()
    version = project.module_version or project.version
    assert re.search(rf"^\s*{re.escape(MODULES[name])} v{version}\b", text, re.MULTILINE)
    assert (project.module / "go.sum").stat().st_size > 0


@pytest.mark.parametrize("name", PROJECTS)
def test_every_program_is_a_tool_of_its_module(name: str) -> None:
    text = (PROJECTS[name].module / "go.mod").read_text()
    for tool in PROJECTS[name].tools:
        assert re.search(rf"^\s*(tool )?{re.escape(tool.package)}$", text, re.MULTILINE), tool.name


def test_the_go_that_is_asked_for_can_build_every_module() -> None:
    for project in PROJECTS.values():
        found = re.search(
            r"^go (\d+)\.(\d+)\.(\d+)$", (project.module / "go.mod").read_text(), re.M
        )
        assert found
        assert tuple(map(int, found.groups())) <= GO_MINIMUM


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Kubernetes v1.35.4\n", "1.35.4"),
        ("etcd Version: 3.7.3\nGit SHA: abc\nGo Version: go1.26.8\n", "3.7.3"),
        ("kwokctl version v0.8.0 go1.26.8 (linux/amd64)\n", "0.8.0"),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", "1.32.4-dispatcher"),
        ("kind v0.33.0 go1.26.8 linux/amd64\n", "0.33.0"),
        ("CoreDNS-1.15.0\nlinux/amd64, go1.26.8, \n", "1.15.0"),
        ("promtool, version 3.13.5 (branch: , revision: unknown)\n", "3.13.5"),
        ("containerd-shim-runc-v2:\n  Version:  v2.4.2\n", "2.4.2"),
        ("", ""),
    ],
)
def test_versions_are_read_from_what_programs_say(output: str, version: str) -> None:
    assert parse_version(output) == version


def test_only_kubectl_may_differ_and_by_one_minor_version_only() -> None:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    for step, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        version = f"{major}.{int(minor) + step}.9"
        assert acceptable(TOOLS["kubectl"], version) is good
        assert not acceptable(TOOLS["kube-apiserver"], version)
    assert acceptable(TOOLS["kube-apiserver"], KUBERNETES_VERSION)
    assert not acceptable(TOOLS["kubectl"], "")


@pytest.mark.parametrize(
    ("version", "good"), [("3.13.5", True), ("3.0.0", True), ("2.55.1", False), ("4.0.0", False)]
)
def test_promtool_may_be_any_of_its_major_version(version: str, good: bool) -> None:
    # Prometheus 3 changed which samples a range covers, and with it what rules see.
    assert acceptable(KNOWN["promtool"], version) is good


def test_no_cluster_needs_the_tools_of_single_labs() -> None:
    assert "promtool" not in TOOLS
    source = official_source(KNOWN["promtool"])
    assert source is not None
    assert source.url.startswith("https://github.com/prometheus/prometheus/releases/download/v3.")
    assert source.member.endswith("/promtool")


def test_every_source_is_official_and_states_a_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.binaries.catalog.go_platform", lambda: ("linux", "amd64"))
    for tool in TOOLS.values():
        source = official_source(tool)
        assert source is not None
        assert source.url.startswith(("https://dl.k8s.io/", "https://github.com/"))
        assert source.checksum.startswith("https://")


def test_servers_are_not_published_for_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.binaries.catalog.go_platform", lambda: ("darwin", "arm64"))
    assert official_source(TOOLS["kube-apiserver"]) is None
    assert official_source(TOOLS["kubectl"]) is not None
    etcd = official_source(TOOLS["etcd"])
    assert etcd is not None
    assert etcd.url.endswith("darwin-arm64.zip")
