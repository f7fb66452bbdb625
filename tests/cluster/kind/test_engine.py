from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import CannotProvide, ClusterError
from cluster.kind import machine
from cluster.kind.engine import find_engine
from cluster.kind.provider import KindProvider
from tests.cluster.kind.fakes import FakeEngine


def test_docker_goes_first_and_podman_follows(engine: FakeEngine) -> None:
    engine.install("docker", "podman")
    assert find_engine().name == "docker"
    (engine.bin / "docker").unlink()
    assert find_engine().name == "podman"


def test_the_user_may_choose(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.install("docker", "podman")
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    assert find_engine().name == "podman"


def test_without_an_engine_both_are_named(engine: FakeEngine) -> None:
    with pytest.raises(CannotProvide, match="docker is not installed; podman is not installed"):
        find_engine()
    assert KindProvider().available() == "docker is not installed; podman is not installed."


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("permission denied while trying to connect to the socket", "you may not use it"),
        ("Cannot connect to the Docker daemon at unix:///x", "its engine does not run"),
        ("something odd", "docker does not work"),
    ],
)
def test_an_engine_that_does_not_answer_says_why(
    engine: FakeEngine, said: str, reason: str
) -> None:
    engine.install("docker")
    engine.fail("info", said)
    with pytest.raises(CannotProvide, match=reason):
        find_engine()


def test_a_client_without_its_engine_is_no_engine(engine: FakeEngine) -> None:
    engine.install("docker")
    engine.say({"ServerErrors": ["Cannot connect to the Docker daemon"]})
    with pytest.raises(CannotProvide, match="its engine does not run"):
        find_engine()


def test_podman_without_root_needs_the_newer_cgroups(engine: FakeEngine) -> None:
    engine.install("podman")
    engine.say({"host": {"security": {"rootless": True}, "cgroupVersion": "v1"}})
    with pytest.raises(CannotProvide, match="needs cgroup v2"):
        find_engine()


@pytest.fixture
def older_network(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeEngine:
    """A podman that found CNI first, on a machine where nothing resolves names yet."""
    for name in ("PODMAN_HELPERS", "CNI_PLUGINS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(machine, name, (tmp_path / name,))
    monkeypatch.setattr(machine, "may_raise_limits", lambda: True)
    monkeypatch.setattr(machine, "mixed_cgroups", lambda: False)
    engine.install("podman")
    engine.say({"host": {"networkBackend": "cni"}})
    return engine


def test_nodes_that_would_not_find_each_other_are_no_cluster(older_network: FakeEngine) -> None:
    with pytest.raises(CannotProvide, match="do not find each other by name"):
        find_engine()


def test_cni_resolves_names_with_its_plugin(older_network: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "CNI_PLUGINS" / "dnsname").touch()
    assert "CONTAINERS_CONF" not in find_engine().environment


def test_podman_is_told_of_a_network_stack_that_came_later(
    older_network: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "PODMAN_HELPERS" / "netavark").touch()
    with pytest.raises(CannotProvide, match="since aardvark-dns is missing"):
        find_engine()
    (tmp_path / "PODMAN_HELPERS" / "aardvark-dns").touch()
    settings = Path(find_engine().environment["CONTAINERS_CONF"]).read_text()
    assert 'network_backend = "netavark"' in settings


def test_a_network_stack_that_can_set_up_no_rules_gives_no_network(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    engine.install("podman")
    engine.say({"host": {"networkBackend": "netavark"}})
    assert find_engine().name == "podman"
    engine.system("iptables").unlink()
    with pytest.raises(CannotProvide, match="no network, since iptables is missing"):
        find_engine()
    engine.say({"host": {"networkBackend": "netavark", "serviceIsRemote": True}})
    assert find_engine().name == "podman"


@pytest.mark.parametrize(
    ("state", "running"),
    [("running", True), ("Up 5 seconds ago", True), ("exited", False), ("Exited (137)", False)],
)
def test_states_of_containers(engine: FakeEngine, state: str, running: bool) -> None:
    engine.install("podman")
    engine.container("x-control-plane", state)
    (found,) = find_engine().containers("x")
    assert (found.name, found.running, found.role) == ("x-control-plane", running, "control-plane")


def test_a_failing_command_becomes_one_sentence(engine: FakeEngine) -> None:
    engine.install("podman")
    engine.fail("start", "first line\nError: no space left on device\n")
    with pytest.raises(ClusterError, match="podman start failed: first line / Error: no space"):
        find_engine().start(["x"])


def test_a_sandbox_gets_limits_that_it_may_set(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.install("podman")
    monkeypatch.setattr(machine, "may_raise_limits", lambda: False)
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (9000, 9000))
    monkeypatch.setattr(machine, "mixed_cgroups", lambda: False)
    text = machine.podman_settings()
    assert text == '[containers]\ndefault_ulimits = ["nofile=9000:9000", "nproc=3000:3000"]\n'


def test_a_free_machine_keeps_podmans_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "may_raise_limits", lambda: True)
    monkeypatch.setattr(machine, "mixed_cgroups", lambda: False)
    assert machine.podman_settings() == ""
