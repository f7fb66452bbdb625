from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.selectors import matches, selects_by_map

LABELS = {"app": "web", "tier": "front"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    written: dict[str, Any] = {"key": key, "operator": operator}
    return {"matchExpressions": [{**written, "values": list(values)} if values else written]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"app": "web"}, True),
        ({"app": "web", "tier": "back"}, False),
        ({"app": "web", "x": "y"}, False),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchLabels": {}}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        (expression("app", "In", "api", "web"), True),
        (expression("app", "In", "api"), False),
        (expression("x", "In", "api"), False),
        (expression("app", "In"), False),
        (expression("app", "NotIn", "api"), True),
        (expression("app", "NotIn", "web"), False),
        (expression("x", "NotIn", "web"), True),
        (expression("app", "NotIn"), False),
        (expression("app", "Exists"), True),
        (expression("x", "Exists"), False),
        (expression("app", "Exists", "web"), False),
        (expression("x", "DoesNotExist"), True),
        (expression("app", "DoesNotExist"), False),
        (expression("app", "Gt", "1"), False),
        ({"matchLabels": {"app": "web"}, **expression("tier", "In", "back")}, False),
        ({"matchLabels": ["app"]}, False),
        ({"matchExpressions": ["app"]}, False),
        ({"matchExpressions": [{"operator": "Exists"}]}, False),
        ({"matchLabels": "web"}, False),
        (["app"], False),
    ],
)
def test_what_is_selected(selector: Any, selected: bool) -> None:
    assert matches(selector, LABELS) is selected


@pytest.mark.parametrize("selector", [None, {}, {"app": "api"}])
def test_a_service_without_selector_selects_nothing(selector: Any) -> None:
    assert not selects_by_map(selector, LABELS)


def test_a_label_may_be_called_like_a_selector_field() -> None:
    assert matches({"matchLabels": "web"}, {"matchLabels": "web"})


def test_objects_without_labels() -> None:
    assert not matches({"app": "web"}, None)
    assert matches({}, None)


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(labels, labels)
def test_both_shapes_agree(selector: dict[str, str], written: dict[str, str]) -> None:
    as_expressions = [
        {"key": key, "operator": "In", "values": [value]} for key, value in selector.items()
    ]
    expected = selector.items() <= written.items()
    assert matches({"matchLabels": selector}, written) is expected
    assert matches({"matchExpressions": as_expressions}, written) is expected
    assert selects_by_map(selector, written) is (expected and bool(selector))
