"""What a bare word in YAML means to kubectl.

kubectl reads YAML through `sigs.k8s.io/yaml`, whose rules are YAML 1.1 with changes of its own:

| written                               | read as                                            |
|---------------------------------------|----------------------------------------------------|
| `yes` `no` `on` `off` `y` `n`         | true and false, in these spellings: yes, Yes, YES  |
| `0400`, `0o400`, `0x1F`, `0b11`       | whole numbers: 256, 256, 31, 3                     |
| `1_000`                               | 1000; underscores count for nothing                |
| `08`, `09`                            | 8, 9 (no octal digits, so they end up decimal)     |
| `1:30` (base 60 in YAML 1.1)          | text                                               |
| `2024-05-01`                          | text                                               |
| `1e3`, `3.0`                          | 1000, 3: JSON has one type of number, and the API  |
|                                       | server takes a whole one for an integer            |
| `~`, `null`, nothing                  | null                                               |
| `.inf`, `.nan`                        | refused: JSON has no such number                   |
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_PLAIN_BOOLEANS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FIRST_OF_WORD = frozenset("yYnNtTfFoO~")
_FIRST_OF_NUMBER = frozenset("0123456789+-.")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))", re.ASCII
)
_MAX_TEXT = 400
_LARGEST_WHOLE_FLOAT = 1e21


class NotInJson(ValueError):
    """A number that JSON cannot express: infinity, or not a number."""


def resolve(text: str) -> Scalar:
    """The value of the plain scalar `text`; NotInJson for `.inf` and `.nan`."""
    if text == "":
        return None
    first = text[0]
    if first in _FIRST_OF_WORD:
        return _WORDS.get(text, text)
    if first not in _FIRST_OF_NUMBER or len(text) > _MAX_TEXT:
        return text
    return _number(text)


def is_surprising(text: str, value: Scalar) -> bool:
    """Whether a reader may not expect that the bare `text` is read as `value`."""
    if isinstance(value, bool):
        return text not in _PLAIN_BOOLEANS
    return isinstance(value, int | float) and str(value) != text


def key_text(value: Scalar) -> str | None:
    """How a key that is no text becomes one, as in JSON; None for null, which cannot."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return None
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _number(text: str) -> Scalar:
    if _NOT_FINITE.fullmatch(text):
        raise NotInJson(text)
    plain = text.replace("_", "") if text[0] != "." else text
    whole = _integer(plain)
    if whole is not None:
        return whole
    if _FLOAT.fullmatch(plain) is None:
        return text
    value = float(plain)
    if math.isinf(value):
        return text
    return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE_FLOAT else value


def _integer(plain: str) -> int | None:
    """A whole number of at most 64 bits, or None."""
    match = _INTEGER.fullmatch(plain)
    if match is None:
        return None
    sign, hexadecimal, octal, binary, decimal = match.groups()
    for digits, base in ((hexadecimal, 16), (octal, 8), (binary, 2), (decimal, 10)):
        if digits is not None:
            value = int(digits, base)
            if value < 2**63 or (value < 2**64 and not sign):
                return -value if sign == "-" else value
            return -value if sign == "-" and value == 2**63 else None
    return None
