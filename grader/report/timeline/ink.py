"""Shapes and texts on paper, and how wide a text is where no font can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Anchor = Literal["start", "middle", "end"]

_NARROW = set("iljI.,:;|!'`()[]/ -ft")
_WIDE = set("mwMW@%—…")


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle. `look` is its style class; `title` is what a pointer over it shows."""

    x: float
    y: float
    width: float
    height: float
    look: str
    title: str = ""
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Path:
    """A path in SVG's own words (`M`, `L`, `H`, `V`, `Z`)."""

    d: str
    look: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text whose baseline begins, is centred, or ends at (x, y). `size` is in pixels."""

    x: float
    y: float
    text: str
    look: str = "ink"
    size: float = 11.0
    anchor: Anchor = "start"
    title: str = ""
    mono: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the space that it may need."""
        wide = text_width(self.text, self.size, mono=self.mono)
        left = self.x - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        return left, self.y - 0.80 * self.size, left + wide, self.y + 0.22 * self.size


Shape = Rect | Path | Label


@dataclass(slots=True)
class Scene:
    """A whole picture. `description` says in words what it shows, for those who cannot see it."""

    width: float
    height: float
    title: str
    description: str
    shapes: list[Shape] = field(default_factory=list)

    @property
    def labels(self) -> list[Label]:
        """All texts."""
        return [shape for shape in self.shapes if isinstance(shape, Label)]


def text_width(text: str, size: float, *, mono: bool = False) -> float:
    """Pixels that `text` may need. Generous, after DejaVu Sans, the widest of the usual fonts, so
    that what fits here fits everywhere."""
    if mono:
        return len(text) * 0.61 * size
    return sum(_advance(letter) for letter in text) * size


def fitted(
    text: str, room: float, size: float, *, mono: bool = False, keep_end: bool = False
) -> str:
    """`text`, shortened with an ellipsis until it fits into `room` pixels; "" if nothing does.

    `keep_end` cuts the beginning: Pods of one workload differ in their last letters.
    """
    if text_width(text, size, mono=mono) <= room:
        return text
    for length in range(len(text) - 1, 0, -1):
        cut = "…" + text[-length:].lstrip("-") if keep_end else text[:length].rstrip() + "…"
        if text_width(cut, size, mono=mono) <= room:
            return cut
    return ""


def _advance(letter: str) -> float:
    if letter in _NARROW:
        return 0.40
    if letter in _WIDE:
        return 1.0
    return 0.72 if letter.isupper() else 0.64
