"""Kubernetes quantities, compared by value.

The grammar is that of `k8s.io/apimachinery/pkg/api/resource.Quantity`: a signed decimal number with
a binary suffix (Ki..Ei), a decimal suffix (n u m "" k M G T P E) or a decimal exponent.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import total_ordering

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FORM = re.compile(
    r"^(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?P<suffix>Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])?|[eE](?P<exponent>[+-]?\d{1,3}))$",
    re.ASCII,
)
MAX_LENGTH = 64


@total_ordering
class Quantity:
    """An exact amount, equal by value: `Quantity("1Gi") == Quantity("1024Mi")`."""

    __slots__ = ("text", "value")

    def __init__(self, text: str | int | float | Quantity) -> None:
        """Parse; raises ValueError with the offending text when it is no quantity."""
        known = text if isinstance(text, Quantity) else None
        self.text: str = known.text if known else str(text)
        self.value: Decimal = known.value if known else _parse(self.text)

    def __eq__(self, other: object) -> bool:
        """Equal by value; anything that cannot be read as a quantity is unequal."""
        parsed = _coerce(other)
        return parsed is not None and self.value == parsed.value

    def __lt__(self, other: object) -> bool:
        """Order by value; raises TypeError for what is no quantity."""
        parsed = _coerce(other)
        if parsed is None:
            return NotImplemented
        return self.value < parsed.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"quantity({self.text!r})"

    @property
    def whole(self) -> int:
        """The value rounded up to a whole unit, as the API server does with extended resources."""
        return int(self.value.to_integral_value(rounding=ROUND_CEILING))


def quantity(text: str | int | float) -> Quantity:
    """The quantity that `text` writes, e.g. `quantity("500m")`; ValueError if it is none."""
    return Quantity(text)


def _coerce(other: object) -> Quantity | None:
    if isinstance(other, Quantity):
        return other
    if isinstance(other, bool) or not isinstance(other, str | int | float):
        return None
    try:
        return Quantity(other)
    except ValueError:
        return None


def _parse(text: str) -> Decimal:
    match = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise ValueError(f"{text[:MAX_LENGTH]!r} is not a quantity")
    number = Decimal(match["number"])
    if match["exponent"]:
        return number.scaleb(int(match["exponent"]))
    suffix = match["suffix"] or ""
    if suffix in _BINARY:
        return number * Decimal(1024 ** _BINARY[suffix])
    return number.scaleb(_DECIMAL[suffix])
