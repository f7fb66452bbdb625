from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.paths import format_path, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("spec", ("spec",)),
        (
            "spec.template.spec.containers[0].image",
            ("spec", "template", "spec", "containers", 0, "image"),
        ),
        ('metadata.labels["a.b/c"]', ("metadata", "labels", "a.b/c")),
        ('resources.limits["nvidia.com/gpu"]', ("resources", "limits", "nvidia.com/gpu")),
        ('data["default.conf"]', ("data", "default.conf")),
        ("matrix[1][2]", ("matrix", 1, 2)),
        ('["a b"].c', ("a b", "c")),
        ("metadata.annotations.a/b", ("metadata", "annotations", "a/b")),
    ],
)
def test_paths_are_read(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_path(text) == path
    assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    "text",
    [
        ".a",
        "a.",
        "a..b",
        "a[",
        "a[]",
        "a[x]",
        "a[-1]",
        "a b",
        'a["b]',
        "a]b",
        "a[0]b",
        "a.[0]",
        "containers[name=server]",
        'a["\\x"]',
        "['a']",
    ],
)
def test_what_is_no_path_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a field path") as caught:
        parse_path(text)
    assert repr(text) in str(caught.value)


@given(st.lists(st.text(max_size=10) | st.integers(0, 10**8)).map(tuple))
def test_any_path_survives_being_written(path: tuple[str | int, ...]) -> None:
    assert parse_path(format_path(path)) == path
