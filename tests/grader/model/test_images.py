from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.images import ImageRef, same_image

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine"),
        ("nginx:1.27-alpine", "index.docker.io/nginx:1.27-alpine"),
        ("curlimages/curl:8.10.1", "docker.io/curlimages/curl:8.10.1"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST.upper().replace('SHA', 'sha')}"),
    ],
)
def test_equal_by_meaning(one: str, other: str) -> None:
    assert ImageRef.parse(one) == ImageRef.parse(other)
    assert same_image(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nginx", "nginx:1.27"),
        ("nginx", "ghcr.io/nginx"),
        ("localhost/nginx", "nginx"),
        ("nginx:1.27", f"nginx:1.27@{DIGEST}"),
        (f"nginx@{DIGEST}", "nginx"),
        ("a/nginx", "nginx"),
        ("NGINX", "nginx"),
    ],
)
def test_unequal(one: str, other: str) -> None:
    assert not same_image(one, other)


def test_the_parts() -> None:
    image = ImageRef.parse(f"registry.example.com:5000/team/web:v2@{DIGEST}")
    assert (image.registry, image.repository) == ("registry.example.com:5000", "team/web")
    assert (image.tag, image.digest) == ("v2", DIGEST)
    assert image.is_pinned
    assert not image.is_latest
    assert ImageRef.parse("localhost:5000/web").name == "localhost:5000/web"
    assert ImageRef.parse("web").is_latest
    assert not ImageRef.parse(f"web@{DIGEST}").is_latest


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":v1",
        "nginx:",
        "nginx:-x",
        "Nginx",
        "a//b",
        "nginx@sha256:12",
        "nginx@",
        "a b",
        "nginx:a:b",
        "-a",
        "nginx:" + "x" * 129,
        "https://x/y",
        "nginx\n",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an image reference"):
        ImageRef.parse(text)


name = st.from_regex(r"[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?", fullmatch=True)


@given(
    st.none() | st.sampled_from(["ghcr.io", "localhost", "reg:5000", "[::1]:80"]),
    st.lists(name, min_size=1, max_size=3),
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.booleans(),
)
def test_a_full_name_reads_as_itself(
    registry: str | None, parts: list[str], tag: str | None, pinned: bool
) -> None:
    text = "/".join([*([registry] if registry else []), *parts])
    text += (f":{tag}" if tag else "") + (f"@{DIGEST}" if pinned else "")
    image = ImageRef.parse(text)
    assert ImageRef.parse(str(image)) == image
    assert image.tag == (tag or ("" if pinned else "latest"))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        image = ImageRef.parse(text)
    except ValueError:
        return
    assert ImageRef.parse(str(image)) == image
