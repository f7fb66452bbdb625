"""The paper that a picture is laid out on, from the top down."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.report.timeline.ink import Label, Shape
from grader.report.timeline.scale import Scale
from grader.report.timeline.story import Story

NARROWEST = 480
MARGIN = 20.0
GUTTER = 188.0
"""Left of the plot, for names and the numbers of an axis."""
BESIDE = 116.0
"""Right of the plot, for nodes and last values."""


@dataclass(slots=True)
class Page:
    """Geometry and what has been drawn so far. `y` is where the next row begins."""

    story: Story
    width: float
    y: float = MARGIN
    shapes: list[Shape] = field(default_factory=list)
    behind: list[Shape] = field(default_factory=list)
    plot_top: float = 0.0

    @property
    def left(self) -> float:
        """Where the plot begins."""
        return MARGIN + GUTTER * min(1.0, self.width / 760)

    @property
    def right(self) -> float:
        """Where the plot ends."""
        return self.width - MARGIN - BESIDE * min(1.0, self.width / 760)

    @property
    def time(self) -> Scale:
        """Seconds to pixels."""
        return Scale(0.0, self.story.end, self.left, self.right)

    @property
    def several_namespaces(self) -> bool:
        """Whether names need their namespace."""
        return len(self.story.namespaces) > 1

    def add(self, *shapes: Shape) -> None:
        """Draw on top of what is there."""
        self.shapes.extend(shapes)

    def under(self, *shapes: Shape) -> None:
        """Draw behind everything else: bands and grid lines."""
        self.behind.extend(shapes)

    def add_if_free(self, label: Label) -> bool:
        """Draw the text unless it would touch another one; tells whether it did."""
        if any(overlap(label, other) for other in self.shapes if isinstance(other, Label)):
            return False
        self.shapes.append(label)
        return True

    def version_look(self, version: str) -> str:
        """Style class of a version: `v0` to `v5`, again from the start after that."""
        versions = self.story.versions
        return f"v{versions.index(version) % 6 if version in versions else 0}"


def overlap(one: Label, other: Label, air: float = 1.0) -> bool:
    """Whether two texts come closer than `air` pixels."""
    a, b = one.box, other.box
    return a[0] < b[2] + air and b[0] < a[2] + air and a[1] < b[3] + air and b[1] < a[3] + air
