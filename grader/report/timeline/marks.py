"""Symbols for what happened: one shape for each meaning, so that colour is never alone."""

from __future__ import annotations

from dataclasses import dataclass

from grader.report.timeline.ink import Path
from grader.report.timeline.page import Page
from grader.report.timeline.scale import seconds
from grader.report.timeline.story import Happening, Tone

WORDS: dict[Tone, str] = {
    "trouble": "something failed",
    "stop": "told to stop",
    "wait": "could not be placed or mounted",
    "miss": "readiness probe missed",
    "scale": "scaled",
}
_CLOSE = 8.0
"""Marks nearer than this many pixels become one."""


@dataclass(slots=True)
class _Cluster:
    x: float
    found: list[Happening]


def draw_marks(page: Page, happenings: list[Happening], y: float) -> None:
    """The marks of one lane, centred on `y`; those that would touch are drawn as one."""
    clusters: list[_Cluster] = []
    for happening in happenings:
        x = page.time(happening.at)
        near = next(
            (c for c in clusters if x - c.x < _CLOSE and c.found[0].tone == happening.tone), None
        )
        if near:
            near.found.append(happening)
        else:
            clusters.append(_Cluster(x, [happening]))
    taken: list[float] = []
    for cluster in clusters:
        x = cluster.x
        while any(abs(x - other) < _CLOSE for other in taken):
            x += _CLOSE
        x = min(x, page.right - 1)
        taken.append(x)
        tone = cluster.found[0].tone
        drawn = symbol(tone, x, y, cluster.found[0].message)
        page.add(Path(drawn, f"halo {tone}"), Path(drawn, f"mark {tone}", _told(cluster)))


def symbol(tone: Tone, x: float, y: float, message: str = "") -> str:
    """The symbol's path, centred on (x, y)."""
    if tone == "trouble":
        return (
            f"M{x - 3.2:.1f} {y - 3.2:.1f}L{x + 3.2:.1f} {y + 3.2:.1f}"
            f"M{x + 3.2:.1f} {y - 3.2:.1f}L{x - 3.2:.1f} {y + 3.2:.1f}"
        )
    if tone == "stop":
        return f"M{x - 2.8:.1f} {y - 2.8:.1f}h5.6v5.6h-5.6Z"
    if tone == "miss":
        return f"M{x - 2.6:.1f} {y:.1f}a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0Z"
    if tone == "wait":
        return f"M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4Z"
    if scaled_down(message):
        return f"M{x - 3.6:.1f} {y - 2.8:.1f}h7.2l-3.6 5.8Z"
    return f"M{x - 3.6:.1f} {y + 2.8:.1f}h7.2l-3.6 -5.8Z"


def scaled_down(message: str) -> bool:
    """Whether an event of scaling means fewer replicas; `below Spec.MinReplicas` means more."""
    words = message.lower()
    return any(word in words for word in ("down", "below target", "above spec.maxreplicas"))


def _told(cluster: _Cluster) -> str:
    lines = [
        f"{seconds(round(found.at, 2))}: {found.reason}: {found.message}"
        for found in cluster.found[:6]
    ]
    if len(cluster.found) > 6:
        lines.append(f"and {len(cluster.found) - 6} more")
    return "\n".join(lines)
