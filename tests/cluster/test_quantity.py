from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.quantity import number, number_or


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", 2**30),
        ("1024Mi", 2**30),
        ("1500m", 1.5),
        ("2", 2),
        (2, 2),
        ("1e3", 1000),
        ("0.5Gi", 2**29),
        ("100n", 1e-7),
        ("1E", 1e18),
    ],
)
def test_quantities(text: object, value: float) -> None:
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "one", "1e", None])
def test_no_quantities(text: object) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        number(text)
    assert number_or(text, 7.0) == 7.0


@given(st.integers(0, 10**6))
def test_units_agree(amount: int) -> None:
    assert number(f"{amount}Ki") * 1024 == number(f"{amount}Mi")
    assert number(f"{amount}m") * 1000 == pytest.approx(number(str(amount)))
