from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from grader.load.schemas import QUANTITY_FORM
from grader.model.quantity import Quantity

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
numbers = st.decimals(
    min_value=-(10**6), max_value=10**6, places=3, allow_nan=False, allow_infinity=False
).map(str) | st.integers(-(10**9), 10**9).map(str)


@given(numbers, st.sampled_from(SUFFIXES))
def test_agrees_with_the_client_library(number: str, suffix: str) -> None:
    text = number + suffix
    assert Quantity(text).value == parse_quantity(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1000m"),
        ("1Gi", "1024Mi"),
        ("0.5", "500m"),
        ("1k", "1000"),
        ("1e3", "1k"),
        ("2E", "2e18"),
        (".5", "0.5"),
        ("1.", "1"),
        ("+1", "1"),
        ("1000000n", "1m"),
    ],
)
def test_equal_by_value(one: str, other: str) -> None:
    assert Quantity(one) == Quantity(other) == one


@pytest.mark.parametrize(
    "text", ["", "1GB", "512MB", "Gi", "1 Gi", "1g", "1K", "0,5", "1e", "one", "--1", "٣", "1" * 65]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        Quantity(text)
    assert len(text) > 64 or not re.fullmatch(QUANTITY_FORM, text, re.ASCII)


@given(st.text(st.sampled_from("0123456789.+-eEKiMmGnu"), max_size=8))
def test_the_schema_has_the_same_grammar(text: str) -> None:
    try:
        value: Decimal | None = Quantity(text).value
    except ValueError:
        value = None
    assert (value is not None) == bool(re.fullmatch(QUANTITY_FORM, text, re.ASCII))
