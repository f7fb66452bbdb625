from __future__ import annotations

from pathlib import Path

import pytest

from cluster.doctor import Diagnosis, Finding, examine, machine, software
from cluster.doctor.examine import conclude
from cluster.kind import machine as facts
from cluster.kind.provider import KindProvider
from tests.cluster.kind.fakes import FakeEngine

GIB = 1 << 30


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", str(fake.bin))
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLK8S_CACHE", str(tmp_path / "cache"))
    for name in ("KIND_EXPERIMENTAL_PROVIDER", "MLK8S_NODE_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    return fake


def test_everything_is_looked_at_and_nothing_is_a_guess() -> None:
    diagnosis = examine()
    assert Diagnosis.model_validate_json(diagnosis.model_dump_json()) == diagnosis
    assert set(diagnosis.providers) == {"kind", "embedded"}
    names = [finding.name for finding in diagnosis.findings]
    assert {"memory", "disk", "inotify", "cgroups", "proxies", "docker", "podman"} <= set(names)
    for finding in diagnosis.findings:
        assert finding.found
        assert finding.status == "ok" or finding.fix, finding


@pytest.mark.parametrize(
    ("free", "status", "concerns"),
    [(8 * GIB, "ok", "everything"), (2 * GIB, "problem", "kind"), (GIB, "problem", "everything")],
)
def test_memory(free: int, status: str, concerns: str) -> None:
    finding = machine.memory(free)
    assert (finding.status, finding.concerns) == (status, concerns)


def test_disk() -> None:
    assert machine.disk(50 * GIB).status == "ok"
    assert machine.disk(5 * GIB).concerns == "kind"
    assert machine.disk(GIB).concerns == "everything"


@pytest.mark.parametrize(
    ("instances", "status"), [("64", "problem"), ("128", "note"), ("512", "ok")]
)
def test_inotify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instances: str, status: str
) -> None:
    folder = tmp_path / "sys/fs/inotify"
    folder.mkdir(parents=True)
    (folder / "max_user_instances").write_text(instances)
    (folder / "max_user_watches").write_text("524288")
    monkeypatch.setattr(facts, "PROC", tmp_path)
    finding = machine.inotify()
    assert finding.status == status
    if status == "problem":
        assert "sysctl fs.inotify.max_user_instances=512" in finding.fix


def test_cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "CGROUP", tmp_path)
    assert machine.cgroups().status == "note"
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("hugetlb\n")
    monkeypatch.setenv("PATH", "")
    assert machine.cgroups().status == "problem"
    assert "runc" in machine.cgroups().fix
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    assert machine.cgroups().status == "ok"


def test_rights_and_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "may_raise_limits", lambda: False)
    assert "CAP_SYS_RESOURCE" in machine.rights().found
    assert machine.modules(tmp_path).status == "ok"
    assert machine.modules(tmp_path / "none").fix == f"sudo mkdir -p {tmp_path / 'none'}"


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({}, "ok"),
        ({"HTTPS_PROXY": "http://p:1"}, "problem"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, "problem"),
        ({"https_proxy": "http://p:1", "no_proxy": "localhost,127.0.0.1"}, "ok"),
    ],
)
def test_proxies(environment: dict[str, str], status: str) -> None:
    assert machine.proxies(environment).status == status


def test_one_engine_is_enough(engine: FakeEngine) -> None:
    engine.install("podman")
    findings, found = software.engines()
    assert found is not None
    assert [finding.status for finding in findings] == ["note", "ok"]


def test_without_engines_each_has_its_mend(engine: FakeEngine) -> None:
    engine.install("docker")
    engine.fail("info", "permission denied while trying to connect")
    findings, found = software.engines()
    assert found is None
    assert [finding.status for finding in findings] == ["problem", "problem"]
    assert "usermod -aG docker" in findings[0].fix
    assert "apt-get install podman" in findings[1].fix


def test_a_small_virtual_machine_is_noticed(engine: FakeEngine) -> None:
    engine.install("docker")
    engine.say({"ServerVersion": "27", "MemTotal": 2 * GIB})
    _, found = software.engines()
    assert found is not None
    assert software.engine_memory(found).status == "problem"


def test_where_a_node_image_would_come_from(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.kind.images.reachable", lambda: True)
    assert software.node_image(None).fix == "mlk8s up --provider kind"
    monkeypatch.setattr("cluster.kind.images.reachable", lambda: False)
    monkeypatch.setattr(software, "source_unavailable", lambda: None)
    assert "bundle build" in software.node_image(None).fix
    monkeypatch.setattr(software, "source_unavailable", lambda: "It needs root.")
    assert software.node_image(None).status == "problem"
    monkeypatch.setenv("MLK8S_NODE_IMAGE", "mine:v1")
    assert software.node_image(None).status == "ok"


def test_what_stops_kind_only_leaves_the_machine_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KindProvider, "available", lambda self: "No engine.")
    only_kind = Finding(name="x", status="problem", found="y", fix="z", concerns="kind")
    assert conclude([only_kind]).healthy
    everything = only_kind.model_copy(update={"concerns": "everything"})
    diagnosis = conclude([everything])
    assert not diagnosis.healthy
    assert diagnosis.providers == {"kind": "No engine.", "embedded": ""}
