from __future__ import annotations

from pathlib import Path

import pytest

from cluster import choose
from cluster.choose import choose_provider, remove
from cluster.embedded import EmbeddedProvider
from cluster.errors import CannotProvide, ClusterError
from cluster.kind import KindProvider
from cluster.kind import provider as kind_provider


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


@pytest.fixture
def an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that answers, and all that a kind cluster needs."""
    monkeypatch.setattr(KindProvider, "available", lambda self: None)
    monkeypatch.setattr(KindProvider, "not_at_once", lambda self: "")


@pytest.mark.usefixtures("an_engine")
def test_auto_takes_real_containers_where_all_is_at_hand() -> None:
    provider, reason = choose_provider("auto")
    assert provider.name == "kind"
    assert reason == "kind: real containers prove the most, and all that they need is at hand"


@pytest.mark.usefixtures("an_engine")
@pytest.mark.parametrize("but", ["has no node image yet", "there is only one processor for it"])
def test_auto_never_begins_a_long_build_or_tries_its_luck(
    but: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KindProvider, "not_at_once", lambda self: but)
    provider, reason = choose_provider("auto")
    assert provider.name == "embedded"
    assert f"kind could run, but {but}: `mlk8s up --provider kind`" in reason


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("image", "no node image"),
        ("labs", "image nginx is not at hand"),
        ("kind", "kind itself"),
        ("machine", "too weak"),
        ("nothing", ""),
    ],
)
def test_what_keeps_kind_from_starting_at_once(
    what: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KindProvider, "image_at_hand", lambda self: "" if what == "image" else "i")
    labs = ["nginx"] if what == "labs" else []
    monkeypatch.setattr(kind_provider.images, "lab_images_missing", lambda: labs)
    monkeypatch.setattr(kind_provider, "missing", lambda names: names if what == "kind" else [])
    monkeypatch.setattr(kind_provider, "find_engine", lambda: None)
    weak = "too weak" if what == "machine" else ""
    monkeypatch.setattr(kind_provider, "too_weak", lambda engine: weak)
    found = KindProvider().not_at_once()
    assert words in found
    assert bool(found) is bool(words)


def test_down_removes_what_every_provider_has(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = []
    for made in (KindProvider, EmbeddedProvider):
        monkeypatch.setattr(
            made, "delete", lambda self, name, progress: gone.append((self.name, name)) or True
        )
    monkeypatch.setattr(KindProvider, "names", lambda self: ["mlk8s", "mlk8s-lab", "mine"])
    assert remove("auto", "mlk8s")
    assert gone == [("kind", "mlk8s"), ("kind", "mlk8s-lab"), ("embedded", "mlk8s")]
    gone.clear()
    assert remove("embedded", "mlk8s")
    assert gone == [("embedded", "mlk8s")]


def test_what_cannot_be_removed_is_said_once_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, name: str, progress: object) -> bool:
        raise ClusterError("docker does not answer.")

    monkeypatch.setattr(KindProvider, "delete", refuse)
    gone: list[str] = []
    monkeypatch.setattr(
        EmbeddedProvider, "delete", lambda self, name, progress: gone.append(name) or True
    )
    with pytest.raises(ClusterError, match="does not answer"):
        remove("auto", "mlk8s")
    assert gone == ["mlk8s"]


@pytest.mark.parametrize("name", ["kind", "embedded"])
def test_auto_stays_with_the_cluster_that_is_there(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KindProvider, "available", lambda self: None)
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
