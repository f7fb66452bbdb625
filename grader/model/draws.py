"""What is drawn for one learner: the same seed always gives the same case.

A seeded lab declares in its `draws.yaml` what may be drawn, a list of choices under each name:

    model:
      - {name: ranker, tag: v1.4.0, memory: 900Mi}
      - {name: tagger, tag: v2.0.1, memory: 1200Mi}

Its files say `${model.name}` where the drawn value belongs. A choice may be of any shape; a list or
mapping is written in YAML's flow style.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from grader.errors import CourseError

SEED = re.compile(r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")
"""What a seed looks like: short, and safe in a name."""

_REFERENCE = re.compile(r"\$\{([^{}\s]+)\}")

Drawn = Mapping[str, Any]
"""The choice made under each name, and `seed` itself."""


def draw(choices: Mapping[str, Sequence[Any]], seed: str) -> dict[str, Any]:
    """One choice under each name, by the seed alone.

    Each name is drawn by itself, so a further name changes none of the others.
    """
    drawn: dict[str, Any] = {"seed": seed}
    for name, options in choices.items():
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        drawn[name] = options[int.from_bytes(digest[:8], "big") % len(options)]
    return drawn


def pick(drawn: Drawn, path: str) -> Any:
    """The drawn value at `model.name`; CourseError where nothing of the kind is drawn."""
    value: Any = drawn
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise CourseError(f"nothing is drawn under {path!r}")
        value = value[step]
    return value


def fill(text: str, drawn: Drawn) -> str:
    """`text` with each `${path}` replaced by the drawn value."""
    return _REFERENCE.sub(lambda match: _as_yaml(pick(drawn, match.group(1))), text)


def _as_yaml(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value).lower()
    import yaml

    dumped: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return dumped.strip()
