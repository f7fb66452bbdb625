"""One lane for each Pod: what it was, when, where, and what befell it."""

from __future__ import annotations

from grader.report.timeline.ink import Label, Path, Rect, fitted, text_width
from grader.report.timeline.marks import draw_marks
from grader.report.timeline.page import MARGIN, Page
from grader.report.timeline.scale import seconds
from grader.report.timeline.story import PodLane, Segment, Workload

MOST = 40
_LANE = 18.0
_DENSE = 14.0
_MANY = 14
_THICK = {"waiting": 0.34, "succeeded": 0.28, "failed": 0.28, "terminating": 0.62}


def draw_lanes(page: Page, workload: Workload) -> None:
    """The Pods of a workload in the order in which they came, at most `MOST` of them."""
    height = _DENSE if len(workload.pods) > _MANY else _LANE
    shown = _chosen(workload.pods)
    for lane in shown:
        _draw(page, lane, height)
        page.y += height
    left_out = len(workload.pods) - len(shown)
    if left_out:
        words = f"and {left_out} more {'Pod' if left_out == 1 else 'Pods'}"
        page.add(Label(page.left, page.y + 11, words, "muted", 10.5))
        page.y += _LANE
    page.y += 10


def short_name(lane: PodLane) -> str:
    """A Pod's name without that of its workload: `5f9884d45-rgpn2`."""
    owner = lane.owner.partition("/")[2]
    rest = lane.name.removeprefix(f"{owner}-")
    return rest or lane.name


def _chosen(lanes: list[PodLane]) -> list[PodLane]:
    if len(lanes) <= MOST:
        return lanes
    ranked = sorted(lanes, key=lambda lane: (-_interest(lane), -_length(lane)))[:MOST]
    kept = {id(lane) for lane in ranked}
    return [lane for lane in lanes if id(lane) in kept]


def _interest(lane: PodLane) -> int:
    return sum(found.tone in ("trouble", "wait") for found in lane.happenings[:3])


def _length(lane: PodLane) -> float:
    return sum(segment.end - segment.begin for segment in lane.segments)


def _draw(page: Page, lane: PodLane, height: float) -> None:
    middle = page.y + height / 2
    size = 10.5 if height > _DENSE else 9.5
    room = page.left - MARGIN - 18
    name = fitted(short_name(lane), room, size, mono=True, keep_end=True)
    page.add(Label(MARGIN + 8, middle + 3.5, name, "muted", size, title=lane.name, mono=True))
    _beside(page, lane, middle, size)
    for segment in lane.segments:
        _bar(page, lane, segment, middle, height)
    _version(page, lane, middle, height)
    _why(page, lane, middle, height)
    draw_marks(page, lane.happenings, middle)


def _bar(page: Page, lane: PodLane, segment: Segment, middle: float, height: float) -> None:
    left, right = page.time(segment.begin), page.time(segment.end)
    thick = (height - 5) * _THICK.get(segment.state, 1.0)
    wide = max(right - left, 1.0)
    why = f" ({segment.why})" if segment.why else ""
    begin, end = seconds(round(segment.begin, 2)), seconds(round(segment.end, 2))
    told = f"{lane.name}: {segment.state}{why} from {begin} to {end}"
    look = f"bar {segment.state} {page.version_look(lane.version)}"
    radius = 2.0 if wide > 5 else 0.0
    page.add(Rect(left, middle - thick / 2, wide, thick, look, told, radius))
    if segment.state == "failed" and right < page.right - 1:
        page.add(Path(f"M{right:.1f} {middle - 3:.1f}v6", "ending"))


def _version(page: Page, lane: PodLane, middle: float, height: float) -> None:
    """The version, written into the longest stretch that has room for it and no mark."""
    if height <= _DENSE or not lane.version:
        return
    solid = [segment for segment in lane.segments if segment.state == "ready"]
    wide = text_width(lane.version, 9.5) + 10
    for segment in sorted(solid, key=lambda s: s.begin - s.end):
        left, right = page.time(segment.begin), page.time(segment.end)
        marks = [page.time(found.at) for found in lane.happenings]
        if right - left >= wide and not any(left - 4 <= x <= left + wide + 4 for x in marks):
            page.add(Label(left + 6, middle + 3.3, lane.version, "on", 9.5))
            return


def _why(page: Page, lane: PodLane, middle: float, height: float) -> None:
    """Kubernetes' reason, written into the longest stretch of failing."""
    failing = [s for s in lane.segments if s.state == "failing" and s.why]
    if height <= _DENSE or not failing:
        return
    segment = max(failing, key=lambda s: s.end - s.begin)
    left, right = page.time(segment.begin) + 10, page.time(segment.end)
    if right - left >= text_width(segment.why, 9.5) + 8:
        page.add_if_free(Label(left, middle + 3.3, segment.why, "why", 9.5))


def _beside(page: Page, lane: PodLane, middle: float, size: float) -> None:
    room = page.width - MARGIN - page.right - 8
    again = f" ↻{lane.restarts}" if lane.restarts else ""
    node = fitted(lane.node or "no node", room - text_width(again, size), size, keep_end=True)
    told = f"on {lane.node}" if lane.node else "never placed on a node"
    if lane.restarts:
        told += f", {lane.restarts} restart{'s' if lane.restarts > 1 else ''}"
    page.add(Label(page.right + 8, middle + 3.5, node + again, "muted", size, title=told))
