from __future__ import annotations

from pathlib import Path

import pytest

from cluster import choose
from cluster.choose import choose_provider
from cluster.embedded import EmbeddedProvider
from cluster.errors import CannotProvide, ClusterError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_HOME", str(tmp_path))


def test_auto_takes_the_embedded_provider_and_says_why() -> None:
    provider, reason = choose_provider("auto")
    assert provider.name == "embedded"
    assert reason.startswith("embedded: it needs neither Docker nor root")


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
