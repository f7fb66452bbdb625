from __future__ import annotations

from pathlib import Path

import pytest

from cluster import choose
from cluster.choose import choose_provider
from cluster.embedded import EmbeddedProvider
from cluster.errors import CannotProvide, ClusterError
from cluster.kind import KindProvider


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine everywhere: no container engine, no images."""
    monkeypatch.setattr(KindProvider, "available", lambda self: "docker is not installed.")
    monkeypatch.setattr(KindProvider, "image_at_hand", lambda self: "")


def test_auto_takes_the_embedded_provider_and_says_why() -> None:
    provider, reason = choose_provider("auto")
    assert provider.name == "embedded"
    assert reason == "embedded: it needs neither Docker nor root; docker is not installed"


def test_auto_leaves_kind_to_those_who_ask_for_it_while_it_is_experimental(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KindProvider, "available", lambda self: None)
    monkeypatch.setattr(KindProvider, "image_at_hand", lambda self: "some/node:v1")
    provider, reason = choose_provider("auto")
    assert provider.name == "embedded"
    assert "kind could run here too" in reason
    assert "`mlk8s up --provider kind`" in reason


def test_auto_never_begins_a_long_build_or_pull_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KindProvider, "available", lambda self: None)
    provider, reason = choose_provider("auto")
    assert provider.name == "embedded"
    assert "has no node image yet: `mlk8s up --provider kind`" in reason


@pytest.mark.parametrize("name", ["kind", "embedded"])
def test_auto_stays_with_the_cluster_that_is_there(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KindProvider, "available", lambda self: None)
    monkeypatch.setattr(KindProvider, "image_at_hand", lambda self: "some/node:v1")
    for provider in (KindProvider, EmbeddedProvider):
        there = ["mlk8s"] if provider.name == name else []
        monkeypatch.setattr(provider, "names", lambda self, there=there: there)
    found, reason = choose_provider("auto")
    assert found.name == name
    assert reason == f"{name}: its cluster is there already"


def test_a_provider_can_be_named() -> None:
    provider, reason = choose_provider("embedded")
    assert isinstance(provider, EmbeddedProvider)
    assert reason == "embedded: as you asked"


def test_a_provider_that_cannot_run_is_refused_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(EmbeddedProvider, "available", lambda self: "It is too hot.")
    with pytest.raises(CannotProvide, match="too hot"):
        choose_provider("embedded")
    with pytest.raises(CannotProvide, match="docker is not installed"):
        choose_provider("kind")
    with pytest.raises(CannotProvide, match="No provider can run"):
        choose_provider("auto")


def test_a_provider_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ClusterError, match="choose auto, kind, embedded"):
        choose_provider("cloud")


def test_auto_prefers_what_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class Better(EmbeddedProvider):
        name = "better"

    registry = {"better": Better, **choose._PROVIDERS}
    monkeypatch.setattr(choose, "_PROVIDERS", registry)
    assert choose_provider("auto")[0].name == "better"
