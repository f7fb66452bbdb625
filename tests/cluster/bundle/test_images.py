from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from cluster.bundle import Store, registry
from cluster.bundle.archive import ImageConfig, Layer, image_id, write_image
from cluster.bundle.source import builder, lab, node, recipe
from cluster.errors import CannotProvide, ClusterError
from cluster.kind import images
from cluster.kind.engine import find_engine
from tests.cluster.bundle.conftest import Making
from tests.cluster.kind.fakes import FakeEngine


def test_an_image_is_the_same_whenever_it_is_made(making: Making, tmp_path: Path) -> None:
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    assert making.image(one) == making.image(two) == image_id(one)
    assert one.read_bytes() == two.read_bytes()


def test_an_archive_has_the_form_that_engines_load(making: Making, tmp_path: Path) -> None:
    target = tmp_path / "image.tar"
    identity = making.image(target).removeprefix("sha256:")
    with tarfile.open(target) as tar:
        table = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(f"{identity}.json"))  # type: ignore[arg-type]
        layer = tar.extractfile(table[0]["Layers"][0])
        assert layer is not None
        with tarfile.open(fileobj=layer) as inner:
            assert inner.getnames() == ["etc", "etc/hello"]
    assert table[0]["RepoTags"] == ["example.com/a:v1"]
    assert config["config"]["Cmd"] == ["/hi"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{table[0]['Layers'][0][:-4]}"]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("hello")
    with pytest.raises(ClusterError, match="is not an image archive"):
        image_id(path)


def test_modes_owners_and_links(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar"
    with Layer(path) as layer:
        layer.folder("/tmp", 0o1777)
        layer.text("/bin/run", "#!/bin/sh\n", 0o755)
        layer.link("/bin/sh", "run")
        layer.folder("/data", owner=101)
    with tarfile.open(path) as tar:
        facts = {m.name: (m.mode, m.uid, m.linkname) for m in tar}
    assert facts["tmp"] == (0o1777, 0, "")
    assert facts["bin/run"] == (0o755, 0, "")
    assert facts["bin/sh"][2] == "run"
    assert facts["data"][1] == 101


def test_several_layers_become_one_image(tmp_path: Path) -> None:
    layers = []
    for name in ("a", "b"):
        with Layer(tmp_path / name) as layer:
            layer.text(name, name)
        layers.append(tmp_path / name)
    write_image(tmp_path / "i", layers, ImageConfig(), ["x:v1"], "amd64")
    with tarfile.open(tmp_path / "i") as tar:
        assert len([name for name in tar.getnames() if name.endswith(".tar")]) == 2


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("usr/bin/jq", True),
        ("usr/share/doc/jq/copyright", False),
        ("usr/sbin/nginx", False),
        ("var/lib/apt/lists/x", False),
        ("var/log", True),
        ("etc/systemd/system/multi-user.target.wants/x.service", False),
        ("etc/systemd/system/x.service", True),
        ("usr/lib/systemd/system/sockets.target.wants/systemd-udevd.socket", False),
    ],
)
def test_what_of_debian_goes_into_a_node(name: str, kept: bool) -> None:
    assert node.keep(name) is kept


def test_model_images_have_all_names_that_labs_use(tmp_path: Path) -> None:
    program = tmp_path / "model"
    program.write_bytes(b"program")
    sentiment = lab.MODEL_IMAGES[0]
    target = tmp_path / "image.tar"
    lab.write_model_image(program, sentiment, "v2.2.0", target)
    with tarfile.open(target) as tar:
        table = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(table[0]["Config"]))["config"]  # type: ignore[arg-type]
    assert table[0]["RepoTags"] == [
        "registry.example.com/sentiment-inference:v2.2.0",
        "registry.example.com/sentiment-inference:latest",
    ]
    assert "MODEL_VERSION=v2.2.0" in config["Env"]
    assert "MODEL_LOAD_SECONDS=15" in config["Env"]


def test_a_build_is_done_once_for_the_same_recipe(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    for name in builder.wanted_names():
        kind = "node-image" if name == recipe.NODE_IMAGE else "image"
        making.store(
            store,
            kind,
            name,
            name.encode(),
            key=recipe.node_key() if kind == "node-image" else recipe.labs_key(),
        )  # type: ignore[arg-type]
    assert len(builder.build(store)) == len(builder.wanted_names())
    monkeypatch.setattr(recipe, "SUITE", "another")
    monkeypatch.setattr(builder, "unavailable", lambda: "It needs root.")
    with pytest.raises(CannotProvide, match="needs root"):
        builder.build(store)


def test_the_key_follows_what_images_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.labs_key()
    assert before == recipe.labs_key()
    monkeypatch.setattr(recipe, "COREDNS_VERSION", "9.9.9")
    assert recipe.labs_key() != before


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(tmp_path / "engine")
    fake.install("docker")
    monkeypatch.setenv("PATH", str(fake.bin))
    monkeypatch.delenv("MLK8S_NODE_IMAGE", raising=False)
    return fake


def test_a_registry_gives_the_official_images_and_ours_are_built(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_it(self: object, name: str, target: Path) -> Path:
        target.write_bytes(b"compiled")
        return target

    monkeypatch.setattr("cluster.bundle.registry.Compiler.build", compile_it)
    items = registry.collect(find_engine())
    assert [call[-1] for call in engine.calls("pull")] == [registry.NODE_IMAGE, *registry.PUBLIC]
    official = [item.names[0] for item in items if not item.stand_in]
    assert official == [registry.NODE_IMAGE, *registry.PUBLIC]
    stand_ins = [item for item in items if item.stand_in]
    assert len(stand_ins) == 5
    assert {item.origin for item in stand_ins} == {lab.MODEL_ORIGIN, lab.LOAD_ORIGIN}
    assert [item.sha256 for item in registry.collect(find_engine())] == [i.sha256 for i in items]
    assert len(engine.calls("pull")) == 4, "what is there is not pulled again"


def test_a_pull_that_fails_says_so(engine: FakeEngine) -> None:
    engine.fail("pull", "no route to host")
    with pytest.raises(ClusterError, match="docker pull failed: no route to host"):
        registry.collect(find_engine())


def test_the_node_image_is_loaded_only_where_the_engine_lacks_it(
    engine: FakeEngine, making: Making, tmp_path: Path
) -> None:
    archive = tmp_path / "node.tar"
    identity = making.image(archive, recipe.NODE_IMAGE)
    content = archive.read_bytes()
    item = making.item("node-image", recipe.NODE_IMAGE, content, stand_in=True)
    Store().add(item, archive)
    found = images.ensure_node_image(find_engine(), lambda event: None)
    assert (found.name, found.official) == (recipe.NODE_IMAGE, False)
    assert len(engine.calls("load")) == 1
    place = engine.root / "images" / recipe.NODE_IMAGE.replace("/", "_")
    place.write_text(identity)
    images.ensure_node_image(find_engine(), lambda event: None)
    assert len(engine.calls("load")) == 1


def test_a_full_disk_while_loading_is_said(
    engine: FakeEngine, making: Making, tmp_path: Path
) -> None:
    archive = tmp_path / "node.tar"
    making.image(archive, recipe.NODE_IMAGE)
    item = making.item("node-image", recipe.NODE_IMAGE, archive.read_bytes())
    Store().add(item, archive)
    engine.fail("load", "write /var/lib: no space left on device")
    with pytest.raises(ClusterError, match="no space left on device"):
        images.ensure_node_image(find_engine(), lambda event: None)
