"""What a selector selects, as the API server and the controllers decide it.

Kubernetes has two shapes, and they differ in what *nothing* means:

| written             | a Service's `spec.selector`, a plain map | a LabelSelector             |
|---------------------|------------------------------------------|-----------------------------|
| absent or null      | selects nothing                          | selects nothing             |
| empty, `{}`         | selects nothing: no endpoints are made   | selects everything          |
| `{app: web}`        | Pods with that label                     | not valid: use matchLabels  |

`matches` tells the two apart by their keys. An empty map is read as a LabelSelector; a Service
asks `selects_by_map`, which reads it as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LABEL_SELECTOR_KEYS = frozenset({"matchLabels", "matchExpressions"})


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, Any] | None) -> bool:
    """Whether `selector`, of either shape, selects an object with these labels.

    `None` selects nothing and `{}` everything. A selector that the API server would refuse (an
    unknown operator, `In` without values) selects nothing.
    """
    if selector is None or not isinstance(selector, Mapping):
        return False
    if not (selector.keys() <= _LABEL_SELECTOR_KEYS and _looks_like_label_selector(selector)):
        return selects_by_map(selector, labels)
    written = labels or {}
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    if not isinstance(wanted, Mapping) or not isinstance(expressions, list):
        return False
    return all(written.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, written) for expression in expressions
    )


def selects_by_map(selector: Mapping[str, Any] | None, labels: Mapping[str, Any] | None) -> bool:
    """A Service's selector: every label must be there; an empty or absent one selects nothing."""
    if not selector or not isinstance(selector, Mapping):
        return False
    written = labels or {}
    return all(written.get(key) == value for key, value in selector.items())


def _looks_like_label_selector(selector: Mapping[str, Any]) -> bool:
    """A plain map may have a label called matchLabels; its value is then text."""
    return not any(isinstance(value, str) for value in selector.values())


def _holds(expression: Any, labels: Mapping[str, Any]) -> bool:
    if not isinstance(expression, Mapping):
        return False
    key, values = expression.get("key"), expression.get("values") or []
    if not isinstance(key, str) or not isinstance(values, list):
        return False
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return bool(values) and labels.get(key) not in values
        case "Exists":
            return not values and key in labels
        case "DoesNotExist":
            return not values and key not in labels
    return False
