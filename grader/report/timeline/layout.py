"""Places a story on paper: heading, legend, steps, rows from cause to effect, axis, last words."""

from __future__ import annotations

from grader.report.timeline.charts import draw_name, draw_replicas, draw_series, draw_service
from grader.report.timeline.frame import (
    draw_axis,
    draw_heading,
    draw_legend,
    draw_notes,
    draw_steps,
)
from grader.report.timeline.ink import Label, Scene
from grader.report.timeline.lanes import draw_lanes
from grader.report.timeline.page import MARGIN, NARROWEST, Page
from grader.report.timeline.story import Story, Workload


def place(story: Story, *, title: str = "", width: int = 900) -> Scene:
    """The scene of a story, `width` pixels wide (at least 480)."""
    title = title or f"Lab {story.lab.replace('-', ' ')}"
    page = Page(story, float(max(width, NARROWEST)))
    draw_heading(page, title)
    draw_legend(page)
    draw_steps(page)
    _rows(page)
    draw_axis(page)
    draw_notes(page)
    shapes = [*page.behind, *page.shapes]
    return Scene(page.width, page.y + MARGIN - 6, title, describe(story), shapes)


def describe(story: Story) -> str:
    """The picture in words, for those who cannot see it."""
    evidence = "simulated nodes" if story.simulated else "a real cluster"
    parts = [f"A timeline of {story.end:.1f} seconds on {evidence}."]
    if story.steps:
        parts.append("Steps: " + ", ".join(step.name for step in story.steps) + ".")
    for workload in story.workloads:
        troubled = sum(
            any(found.tone in ("trouble", "wait") for found in lane.happenings)
            for lane in workload.pods
        )
        count = len(workload.pods)
        words = f"{workload.kind} {workload.name} had {count} Pod{'' if count == 1 else 's'}"
        parts.append(words + (f", {troubled} of them in trouble." if troubled else "."))
    for service in story.services:
        most = max((value for curve in service.ready.values() for _, value in curve), default=0)
        parts.append(f"Service {service.name} had at most {most:g} ready endpoints of one version.")
    return " ".join(parts)


def _rows(page: Page) -> None:
    story = page.story
    for series in story.series:
        if series.series in ("rate", "queue"):
            draw_series(page, series)
    for namespace in story.namespaces:
        for service in story.services:
            if service.namespace == namespace:
                draw_service(page, service)
        for workload in story.workloads:
            if workload.namespace == namespace:
                _workload(page, workload)
    if not story.workloads and not story.services:
        page.add(Label(page.left, page.y + 14, "Nothing ran here.", "muted", 11))
        page.y += 30


def _workload(page: Page, workload: Workload) -> None:
    for series in page.story.series:
        if (series.namespace, series.of) == (workload.namespace, workload.ref):
            draw_series(page, series)
    if len(workload.pods) > 1 or any(wanted > 1 for _, wanted in workload.wanted):
        draw_replicas(page, workload)
    else:
        draw_name(page, workload)
    draw_lanes(page, workload)
