from __future__ import annotations

from pathlib import Path

import pytest

from cluster.kind import engine as engines
from cluster.kind import machine, state
from tests.cluster.kind.fakes import FakeEngine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A machine with nothing but fake engines on PATH, and folders of its own."""
    fake = FakeEngine(tmp_path / "engine")
    monkeypatch.setattr(engines, "FRESH", 0.0)
    monkeypatch.setenv("PATH", str(fake.bin))
    monkeypatch.setattr(machine, "SYSTEM_PROGRAMS", (str(fake.system("iptables").parent),))
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path / "home"))
    # The usual home, so that the engine's names of clusters are the plain ones.
    monkeypatch.setattr(state, "default_home", lambda: tmp_path / "home")
    monkeypatch.setenv("MLK8S_CACHE", str(tmp_path / "cache"))
    for name in ("KIND_EXPERIMENTAL_PROVIDER", "CONTAINERS_CONF", "MLK8S_NODE_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    return fake
