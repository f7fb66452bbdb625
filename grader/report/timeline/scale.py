"""Axes: seconds to pixels, values to pixels, and round numbers to write beside them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map of [low, high] to [start, stop]; values outside are held at the edge."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        span = (self.high - self.low) or 1.0
        share = min(max((value - self.low) / span, 0.0), 1.0)
        return self.start + share * (self.stop - self.start)


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that cuts `span` into at most `most` parts."""
    if span < 1e-9:
        return 1.0
    rough = span / max(most, 1)
    power = 10.0 ** floor(log10(rough))
    for times in (1, 2, 5, 10):
        if times * power >= rough * 0.999:
            return times * power
    return 10 * power


def round_up(value: float) -> float:
    """The next number of two digits: 1187 becomes 1200, 0.33 stays; 1 for next to nothing."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** (floor(log10(value)) - 1)
    return round(ceil(value / power - 1e-9) * power, 12)


def ticks(high: float, most: int) -> list[float]:
    """Round numbers from 0 up to `high`."""
    step = round_step(high, most)
    return [round(place * step, 9) for place in range(int(high / step + 1e-6) + 1)]


def seconds(value: float) -> str:
    """`0`, `2.5 s`, `90 s`: as short as it can be."""
    return f"{value:g} s" if value else "0"


def amount(value: float, series: str) -> str:
    """A measured value with its unit: `120/s`, `350m`, `1.2 GiB`."""
    if series == "rate":
        return f"{value:.3g}/s"
    if series == "cpu":
        return f"{value * 1000:.0f}m" if value < 10 else f"{value:.3g}"
    if series == "memory":
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size:
                return f"{value / size:.3g} {unit}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
