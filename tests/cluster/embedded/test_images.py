from __future__ import annotations

import pytest

from cluster.embedded.kubelet.images import find_server, parse
from cluster.model import ServerModel


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine"),
        ("curlimages/curl:8.10.1", "docker.io/curlimages/curl:8.10.1"),
        ("docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("localhost/a", "localhost/a:latest"),
        ("registry.example.com/a/b/c", "registry.example.com/a/b/c:latest"),
        ("nginx:1@sha256:" + "a" * 64, "docker.io/library/nginx@sha256:" + "a" * 64),
    ],
)
def test_references_are_read_as_runtimes_do(image: str, full: str) -> None:
    assert str(parse(image)) == full


ONE = ServerModel(image="sentiment", tags=("v1",), load=1)
TWO = ServerModel(image="docker.io/library/sentiment", tags=("v2",), load=2)
ANY = ServerModel(image="tool")


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("sentiment:v1", ONE),
        ("docker.io/library/sentiment:v2", TWO),
        ("sentiment:v3", None),
        ("sentiment", None),
        ("tool", ANY),
        ("tool:whatever", ANY),
        ("other/tool:1", None),
        ("tool@sha256:" + "b" * 64, ANY),
        ("sentiment@sha256:" + "b" * 64, ONE),
    ],
)
def test_a_server_is_found_by_repository_and_tag(image: str, server: ServerModel | None) -> None:
    assert find_server(image, (ONE, TWO, ANY)) == server


def test_a_named_tag_comes_before_any_tag() -> None:
    general = ServerModel(image="sentiment", load=9)
    assert find_server("sentiment:v1", (general, ONE)) == ONE
    assert find_server("sentiment:v7", (general, ONE)) == general


def test_the_same_image_has_the_same_id() -> None:
    assert parse("nginx:1").id == parse("docker.io/library/nginx:1").id != parse("nginx:2").id


def test_a_model_for_a_container_is_for_that_container_only() -> None:
    general = ServerModel(image="tool", runs_for=1)
    mine = ServerModel(image="tool", containers=("verify",), exit_code=3)
    assert find_server("tool", (general, mine), "verify") == mine
    assert find_server("tool", (general, mine), "fetch") == general
    assert find_server("tool", (mine,), "fetch") == ServerModel(image="tool")
