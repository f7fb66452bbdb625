"""What surrounds the rows: heading, legend, steps of the scenario, time axis and last words."""

from __future__ import annotations

from grader.report.timeline.ink import Label, Path, Rect, fitted, text_width
from grader.report.timeline.marks import WORDS, symbol
from grader.report.timeline.page import MARGIN, Page, overlap
from grader.report.timeline.scale import seconds, ticks
from grader.report.timeline.story import Happening, PodState, Story

STATE_WORDS: dict[PodState, str] = {
    "waiting": "no node yet",
    "starting": "starting",
    "ready": "ready",
    "unready": "no longer ready",
    "failing": "failing",
    "terminating": "terminating",
    "succeeded": "succeeded",
    "failed": "failed",
}
_MOST_NOTES = 8
_BADGE = 10.5


def draw_heading(page: Page, title: str) -> None:
    """Title, where the evidence is from, and whether the recording is incomplete."""
    story = page.story
    badge = "simulated" if story.simulated else "real"
    wide = text_width(badge, _BADGE) + 26
    right = page.width - MARGIN
    page.add(Rect(right - wide, page.y, wide, 20, f"badge {badge}", radius=10))
    page.add(Label(right - wide + 18, page.y + 14, badge, f"badge-text {badge}", _BADGE))
    dot = f"M{right - wide + 7:.1f} {page.y + 10:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z"
    page.add(Path(dot, f"badge-dot {badge}"))
    room = right - wide - MARGIN - 12
    page.add(Label(MARGIN, page.y + 15, fitted(title, room, 16), "title", 16))
    page.y += 34
    below = " · ".join(part for part in (story.submission, story.evidence) if part)
    page.add(Label(MARGIN, page.y, fitted(below, right - MARGIN, 11), "muted", 11, title=below))
    page.y += 14
    if story.fault:
        words = fitted(f"Incomplete: {story.fault}", right - MARGIN - 20, 11)
        page.add(Rect(MARGIN, page.y, right - MARGIN, 22, "fault", radius=4))
        page.add(Label(MARGIN + 10, page.y + 15, words, "fault-text", 11))
        page.y += 30


def draw_legend(page: Page) -> None:
    """Every look that occurs in this picture, and no other."""
    items = _legend_items(page.story)
    x, y = MARGIN, page.y + 12
    for kind, look, words in items:
        wide = 22 + text_width(words, 10.5) + 16
        if x + wide > page.width - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 18
        if kind == "mark":
            page.add(Path(symbol(look, x + 8, y - 3.5), f"mark {look}"))  # type: ignore[arg-type]
        elif kind == "line":
            page.add(Path(f"M{x:.1f} {y - 3.5:.1f}h16", look))
        else:
            thin = 4 if {"waiting", "succeeded", "failed"} & set(look.split()) else 10
            page.add(Rect(x, y - 3.5 - thin / 2, 16, thin, look, radius=2))
        page.add(Label(x + 22, y, words, "muted", 10.5))
        x += wide
    page.y = y + 16


def _legend_items(story: Story) -> list[tuple[str, str, str]]:
    lanes = [lane for workload in story.workloads for lane in workload.pods]
    states = {segment.state for lane in lanes for segment in lane.segments}
    items: list[tuple[str, str, str]] = []
    for place, version in enumerate(story.versions):
        items.append(("bar", f"bar ready v{place % 6}", f"{version} ready"))
    for state, words in STATE_WORDS.items():
        if state in states and not (state == "ready" and story.versions):
            items.append(("bar", f"bar {state} v0", words))
    if any(workload.wanted for workload in story.workloads):
        items.append(("line", "wanted", "wanted replicas"))
        items.append(("bar", "short", "fewer ready than wanted"))
    tones = {found.tone for found in _all_happenings(story)}
    items += [("mark", tone, words) for tone, words in WORDS.items() if tone in tones]
    return items


def draw_steps(page: Page) -> None:
    """A strip of the scenario's steps; names that find no room in it are set lower, with a line."""
    page.plot_top = page.y
    rows: list[list[Label]] = [[]]
    for place, step in enumerate(page.story.steps):
        left, right = page.time(step.begin), page.time(step.end)
        told = f"{step.name} from {seconds(round(step.begin, 1))}"
        told += f": {step.note} after {step.ended - step.begin:.1f} s" if step.note else ""
        x = left + 5
        words = fitted(step.name, max(right - left - 8, 60), 11)
        label = Label(x, 0, words, "step", 11, title=told)
        if label.box[2] > page.width - MARGIN:
            label = Label(page.width - MARGIN, 0, words, "step", 11, "end", told)
        row = next(
            (n for n, placed in enumerate(rows) if not any(overlap(label, o, 6) for o in placed)),
            len(rows),
        )
        if row == len(rows):
            rows.append([])
        rows[row].append(label)
        page.add(Label(label.x, page.y + 14 + 15 * row, words, "step", 11, label.anchor, told))
        page.under(Rect(left, page.plot_top, max(right - left, 0.5), 0, f"band b{place % 2}"))
        page.under(Path(f"M{left:.1f} {page.plot_top:.1f}V", "step-line", told))
    page.y += 15 * len(rows) + 8


def draw_axis(page: Page) -> None:
    """Seconds below the rows; bands, step lines and grid reach down to here."""
    bottom = page.y
    page.behind = [_down_to(shape, bottom) for shape in page.behind]
    for since, until in page.story.gaps:
        left, right = page.time(since), page.time(until)
        told = "the watch was blind here: what happened in between was not seen"
        page.under(
            Rect(left, page.plot_top, max(right - left, 1), bottom - page.plot_top, "gap", told)
        )
    page.under(Path(f"M{page.left:.1f} {bottom:.1f}H{page.right:.1f}", "axis"))
    for value in ticks(page.story.end, max(2, int((page.right - page.left) / 80))):
        x = page.time(value)
        page.under(Path(f"M{x:.1f} {bottom:.1f}v4", "axis"))
        page.add_if_free(Label(x, bottom + 16, seconds(value), "muted", 10, "middle"))
    page.y += 30


def draw_notes(page: Page) -> None:
    """What the cluster said, for pictures over which nobody moves a pointer."""
    notes = _notes(page.story)
    if not notes:
        return
    page.add(Label(MARGIN, page.y + 12, "What the cluster said", "strong", 12))
    page.y += 22
    for first, count in notes[:_MOST_NOTES]:
        y = page.y + 11
        when = f"{first.at:.1f} s"
        page.add(Path(symbol(first.tone, MARGIN + 6, y - 3.5, first.message), f"mark {first.tone}"))
        page.add(Label(MARGIN + 56, y, when, "muted", 10.5, "end"))
        words = f"{first.reason}{f' ×{count}' if count > 1 else ''}"
        page.add(Label(MARGIN + 66, y, words, "strong", 10.5))
        x = MARGIN + 66 + text_width(words, 10.5) * 1.08 + 10
        told = f"{first.about}: {first.message}"
        room = page.width - MARGIN - x
        page.add(Label(x, y, fitted(first.message, room, 10.5), "muted", 10.5, title=told))
        page.y += 17
    if len(notes) > _MOST_NOTES:
        words = f"and {len(notes) - _MOST_NOTES} other kinds of event"
        page.add(Label(MARGIN + 66, page.y + 11, words, "muted", 10.5))
        page.y += 17
    page.y += 6


def _notes(story: Story) -> list[tuple[Happening, int]]:
    """Each kind of notable event: the first of it, and how many there were."""
    groups: dict[tuple[str, str], list[Happening]] = {}
    for found in sorted(_all_happenings(story), key=lambda found: found.at):
        everyday = found.reason in ("Killing", "ScalingReplicaSet")
        if not everyday:
            kind = found.about.split("/")[0] + found.tone
            if found.reason == "SuccessfulRescale":
                kind = found.message
            groups.setdefault((found.reason, kind), []).append(found)
    return [(group[0], len(group)) for group in groups.values()]


def _all_happenings(story: Story) -> list[Happening]:
    found: list[Happening] = []
    for workload in story.workloads:
        found += workload.happenings
        for lane in workload.pods:
            found += lane.happenings
    return found


def _down_to(shape: Rect | Path | Label, bottom: float) -> Rect | Path | Label:
    if isinstance(shape, Rect) and shape.look.startswith("band"):
        height = bottom - shape.y
        return Rect(shape.x, shape.y, shape.width, height, shape.look, shape.title)
    if isinstance(shape, Path) and shape.look == "step-line":
        return Path(f"{shape.d}{bottom:.1f}", shape.look, shape.title)
    return shape
