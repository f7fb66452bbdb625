"""A picture of what happened: scenario steps, replicas, Pods, endpoints, load and events over time.

`extract` turns a recording into a `Story` (plain data, JSON-able); `layout` places it on paper as
shapes and texts that do not overlap; `svg` and `text` draw it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.model.recording import Recording

__all__ = ["draw_svg", "draw_text"]


def draw_svg(
    recording: Recording,
    *,
    title: str = "",
    width: int = 900,
    workload: str = "",
    namespace: str = "",
) -> str:
    """The recording as one self-contained `<svg>` element, `width` pixels wide.

    `workload` ("Deployment/web" or "web") and `namespace` narrow what is drawn. It has no scripts
    and calls no other host, so it may stand in a page, a notebook or a README.
    """
    from grader.report.timeline.extract import extract
    from grader.report.timeline.layout import place
    from grader.report.timeline.svg import render

    story = extract(recording, workload=workload, namespace=namespace)
    return render(place(story, title=title, width=width))


def draw_text(
    recording: Recording,
    *,
    title: str = "",
    width: int = 100,
    colour: bool = False,
    workload: str = "",
    namespace: str = "",
) -> str:
    """The recording as lines of text, at most `width` columns wide.

    States differ by their character, so it reads without `colour` too.
    """
    from grader.report.timeline.extract import extract
    from grader.report.timeline.text import to_text

    story = extract(recording, workload=workload, namespace=namespace)
    return to_text(story, title=title, width=width, colour=colour)
