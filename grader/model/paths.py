"""Field paths as people write them, and as data.

    spec.containers[0].image   <->  ("spec", "containers", 0, "image")
    metadata.labels["a.b/c"]   <->  ("metadata", "labels", "a.b/c")

A step is a name after a dot, a whole number in brackets (an item of a list), or a name in brackets
and double quotes (a key that has dots, slashes or brackets in it; escapes as in JSON). There is
no lookup by content such as `[name=server]`: the check language has words of its own for that.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from grader.model.manifest import FieldPath

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_STEP = re.compile(r'(\.)?([^.\[\]"\s]+)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]')


@lru_cache(maxsize=2048)
def parse_path(text: str) -> FieldPath:
    """The steps that `text` writes; ValueError, naming the text, where it is no path.

    >>> parse_path('resources.limits["nvidia.com/gpu"]')
    ('resources', 'limits', 'nvidia.com/gpu')
    """
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a field path: see position {position + 1}")
        dot, name, index, quoted = match.groups()
        if name is not None and (dot is None) != (not steps):
            raise ValueError(f"{text!r} is not a field path: see position {position + 1}")
        steps.append(_step(text, name, index, quoted))
        position = match.end()
    return tuple(steps)


def format_path(path: FieldPath) -> str:
    """The text of a path, so that `parse_path(format_path(p)) == p`.

    >>> format_path(("metadata", "labels", "a.b/c"))
    'metadata.labels["a.b/c"]'
    """
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step, ensure_ascii=not step.isprintable())}]")
    return "".join(parts)


def _step(text: str, name: str | None, index: str | None, quoted: str | None) -> str | int:
    if name is not None:
        return name
    if index is not None:
        return int(index)
    try:
        return str(json.loads(quoted or '""'))
    except ValueError:
        raise ValueError(f"{text!r} is not a field path: {quoted} is not a quoted name") from None
