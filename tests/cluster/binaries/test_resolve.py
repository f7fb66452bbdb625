from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from cluster.binaries import ensure, find, missing
from cluster.binaries.catalog import ETCD_VERSION, PROJECTS, TOOLS, go_platform
from cluster.binaries.resolve import cached_path
from cluster.errors import ClusterError, ToolUnavailable
from cluster.model import KUBERNETES_VERSION, ProgressEvent

from .conftest import Mirror, script

KUBECTL = f"/dl.k8s.io/v{KUBERNETES_VERSION}/bin/{'/'.join(go_platform())}/kubectl"


def program(version: str) -> bytes:
    return f"#!/bin/sh\necho 'Client Version: v{version}'\n".encode()


def fake_go(bin_dir: Path, body: str = "") -> None:
    """A Go that "builds" a script which states the version of the program that was asked for."""
    script(
        bin_dir / "go",
        f"""
case "$1" in
env) echo go1.99.0 ;;
list) echo a; echo b ;;
build)
  {body}
  while [ "$1" != -o ]; do shift; done
  echo compiled/one >&2; echo compiled/two >&2
  echo '#!/bin/sh' > "$2"; echo 'echo etcd Version: {ETCD_VERSION}' >> "$2"; chmod 755 "$2" ;;
esac""",
    )


def test_a_program_on_path_is_used_if_its_version_is_right(bin_dir: Path, cache: Path) -> None:
    path = script(bin_dir / "etcd", f"echo etcd Version: {ETCD_VERSION}")
    assert find("etcd") == path


def test_a_program_on_path_of_another_version_is_not(bin_dir: Path, cache: Path) -> None:
    script(bin_dir / "etcd", "echo etcd Version: 3.4.0")
    assert find("etcd") is None


def test_a_program_on_path_is_not_run_again_until_it_changes(bin_dir: Path, cache: Path) -> None:
    counter = bin_dir / "count"
    path = script(bin_dir / "etcd", f"echo x >> {counter}; echo etcd Version: 3.4.0")
    assert find("etcd") is None
    assert find("etcd") is None
    assert counter.read_text() == "x\n"
    script(path, f"echo etcd Version: {ETCD_VERSION}")
    assert find("etcd") == path


def test_download_verifies_and_then_the_cache_serves(
    mirror: Mirror, bin_dir: Path, cache: Path
) -> None:
    mirror.publish(KUBECTL, program(KUBERNETES_VERSION))
    path = ensure(["kubectl"])["kubectl"]
    assert path.is_relative_to(cache / "bin" / KUBERNETES_VERSION)
    asked = len(mirror.requests)
    assert ensure(["kubectl"])["kubectl"] == path
    assert len(mirror.requests) == asked


def test_a_download_that_is_not_what_it_claims_never_enters_the_cache(
    mirror: Mirror, bin_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish(KUBECTL, program("1.2.3"))
    monkeypatch.setattr("cluster.binaries.resolve.find_go", no_go)
    with pytest.raises(ToolUnavailable, match="no Go here"):
        ensure(["kubectl"])
    assert not list((cache / "bin").rglob("*kubectl*"))


def no_go(progress: object) -> None:
    raise ToolUnavailable("no Go here")


def test_without_the_official_hosts_it_builds(no_network: None, bin_dir: Path, cache: Path) -> None:
    fake_go(bin_dir)
    seen: list[ProgressEvent] = []
    path = ensure(["etcd"], seen.append)["etcd"]
    assert path == cached_path(TOOLS["etcd"])
    building = [event for event in seen if event.action == "Building etcd"]
    assert building[0].state == "started"
    assert building[-1].state == "done"
    fractions = [event.fraction or 0 for event in building]
    assert fractions == sorted(fractions)
    assert all(event.remaining is not None for event in building)


def test_an_unreachable_host_is_asked_once_only(
    no_network: None, bin_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.binaries.resolve.find_go", no_go)
    seen: list[ProgressEvent] = []
    with pytest.raises(ToolUnavailable):
        ensure(["kube-scheduler", "kubectl"], seen.append)
    failed = [event.action for event in seen if event.state == "failed"]
    assert failed == [f"Downloading kube-scheduler {KUBERNETES_VERSION}"]


def test_a_failed_build_says_the_compilers_last_words(
    no_network: None, bin_dir: Path, cache: Path
) -> None:
    fake_go(bin_dir, body="echo 'main.go:1: it broke' >&2; exit 1")
    with pytest.raises(ToolUnavailable, match="it broke"):
        ensure(["etcd"])
    assert missing(["etcd"]) == ["etcd"]


def test_a_candidate_of_a_killed_process_is_never_taken(
    no_network: None, bin_dir: Path, cache: Path
) -> None:
    final = cached_path(TOOLS["etcd"])
    final.parent.mkdir(parents=True)
    left = final.with_name(".etcd.new")
    left.write_text("half a program")
    assert find("etcd") is None
    fake_go(bin_dir)
    ensure(["etcd"])
    assert find("etcd") == final
    assert not left.exists()


def _ensure_etcd(results: multiprocessing.Queue[str]) -> None:
    results.put(str(ensure(["etcd"])["etcd"]))


def test_two_processes_build_once(no_network: None, bin_dir: Path, cache: Path) -> None:
    counter = bin_dir / "builds"
    fake_go(bin_dir, body=f"echo x >> {counter}; sleep 0.3")
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_ensure_etcd, args=(results,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert {results.get(timeout=60) for _ in workers} == {str(cached_path(TOOLS["etcd"]))}
    for worker in workers:
        worker.join()
    assert counter.read_text() == "x\n"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("MLK8S_CACHE", str(closed / "cache"))
    with pytest.raises(ClusterError, match="Cannot create the folder"):
        ensure(["etcd"])


def test_a_cache_below_a_file_is_one_sentence(
    tmp_path: Path, bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLK8S_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ClusterError, match="Cannot create the folder"):
        ensure(["etcd"])


def test_kwok_comes_with_githubs_own_digest(mirror: Mirror, bin_dir: Path, cache: Path) -> None:
    import hashlib

    version = PROJECTS["kwok"].version
    content = f"#!/bin/sh\necho kwok version v{version}\n".encode()
    name = f"kwok-{'-'.join(go_platform())}"
    repository = "kubernetes-sigs/kwok"
    mirror.files[f"/github.com/{repository}/releases/download/v{version}/{name}"] = content
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    described = json.dumps({"assets": [{"name": name, "digest": digest}]}).encode()
    mirror.files[f"/api.github.com/repos/{repository}/releases/tags/v{version}"] = described
    assert ensure(["kwok"])["kwok"].read_bytes() == content
