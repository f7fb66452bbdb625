"""Kubernetes quantities as numbers: `1500Mi`, `250m`, `2`, `1e3`."""

from __future__ import annotations

import re

_FACTORS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)$")


def number(quantity: object) -> float:
    """A quantity as a plain number (bytes, cores). Raises ValueError for anything else."""
    text = str(quantity).strip()
    found = _FORM.match(text)
    if found is None or found.group(2) not in _FACTORS:
        raise ValueError(f"not a quantity: {text!r}")
    return float(found.group(1)) * _FACTORS[found.group(2)]


def number_or(quantity: object, default: float) -> float:
    """Like `number`, but `default` for what is absent or no quantity."""
    try:
        return default if quantity is None else number(quantity)
    except ValueError:
        return default
