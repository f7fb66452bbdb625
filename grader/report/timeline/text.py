"""A story for a terminal: one character for each slice of time.

Every state and mark has a character of its own, so it reads without colour; a slice that holds a
dip shows the lowest value, so that none is lost between two columns.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from grader.report.timeline.charts import summed, value_at
from grader.report.timeline.lanes import MOST, short_name
from grader.report.timeline.marks import scaled_down
from grader.report.timeline.scale import amount, seconds, ticks
from grader.report.timeline.story import Happening, PodLane, PodState, Points, Story, Tone

NARROWEST = 60
_NAMES = 22
_BESIDE = 15
_BARS = " ▁▂▃▄▅▆▇█"
_STATES: dict[PodState, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "starting": ("░", ""),
    "ready": ("█", ""),
    "unready": ("▓", "yellow"),
    "failing": ("✗", "red"),
    "terminating": ("▒", "dim"),
    "succeeded": ("─", ""),
    "failed": ("x", "red"),
}
_MARKS: dict[Tone, tuple[str, str]] = {
    "trouble": ("!", "bold red"),
    "wait": ("◇", "bold yellow"),
    "stop": ("■", "bold"),
    "miss": ("o", "yellow"),
    "scale": ("▲", "bold"),
}
_HUES = ("cyan", "blue", "magenta", "yellow", "green", "white")


def to_text(story: Story, *, title: str = "", width: int = 100, colour: bool = False) -> str:
    """The picture as lines, at most `width` columns wide (at least 60)."""
    width = max(width, NARROWEST)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        force_jupyter=False,  # or every picture in a notebook would show an empty output, too
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(render(story, title=title, width=width), soft_wrap=True)
    return captured.get()


def render(story: Story, *, title: str = "", width: int = 100) -> Text:
    """The picture for a rich console of that width."""
    return _Drawing(story, max(width, NARROWEST)).all(title or f"Lab {story.lab}")


class _Drawing:
    """Lines of one picture, as they are made."""

    def __init__(self, story: Story, width: int) -> None:
        self._story = story
        self._width = width
        self._columns = width - _NAMES - _BESIDE
        self._lines: list[Text] = []

    def all(self, title: str) -> Text:
        """The whole picture."""
        story = self._story
        self._line(Text(title, "bold"))
        self._line(Text(" · ".join(word for word in (story.submission, story.evidence) if word)))
        if story.fault:
            self._line(Text(f"Incomplete: {story.fault}", "bold red"))
        self._line(Text())
        self._steps()
        self._outside()
        for service in story.services:
            self._line(self._heading("Service", service.name, service.namespace))
            self._series(service.namespace, f"Service/{service.name}")
            self._counts("endpoints", service.ready, [], [])
        for workload in story.workloads:
            self._line(Text())
            self._line(self._heading(workload.kind, workload.name, workload.namespace))
            self._series(workload.namespace, workload.ref)
            if workload.wanted or len(workload.pods) > 1:
                self._counts("ready", workload.ready, workload.wanted, workload.happenings)
            for lane in workload.pods[:MOST]:
                self._pod(lane)
            if len(workload.pods) > MOST:
                self._line(Text(f"  and {len(workload.pods) - MOST} more Pods", "dim"))
        self._axis()
        self._line(Text())
        self._legend()
        return Text("\n").join(self._lines)

    def _line(self, text: Text) -> None:
        # What a cluster says must not move the cursor of a terminal.
        text.plain = "".join(c if c.isprintable() else "\ufffd" for c in text.plain)
        text.rstrip()
        text.truncate(self._width, overflow="ellipsis")
        self._lines.append(text)

    def _row(self, name: Text, plot: Text, beside: str = "") -> None:
        name.truncate(_NAMES - 1, overflow="ellipsis", pad=True)
        self._line(Text.assemble(name, " ", plot, " ", (beside, "dim")))

    def _column(self, at: float) -> int:
        return min(int(at / self._story.end * self._columns), self._columns - 1)

    def _slice(self, column: int) -> tuple[float, float]:
        each = self._story.end / self._columns
        return column * each, (column + 1) * each

    def _steps(self) -> None:
        cells = [" "] * self._columns
        free = 0
        names = []
        for step in self._story.steps:
            column = self._column(step.begin)
            word = f"│{step.name}"
            if column < free or column + len(word) > self._columns:
                cells[column] = "│" if cells[column] == " " else cells[column]
                names.append(f"{step.name} at {step.begin:.1f} s")
                continue
            cells[column : column + len(word)] = list(word)
            free = column + len(word) + 1
        self._row(Text(), Text("".join(cells), "bold"))
        if names:
            self._line(Text("│ also: " + ", ".join(names), "dim"))

    def _series(self, namespace: str, of: str) -> None:
        for series in self._story.series:
            if (series.namespace, series.of) != (namespace, of):
                continue
            curves = list(series.curves.values())
            values = [value for curve in curves for _, value in curve]
            high = max([*values, series.target or 0]) or 1.0

            def highest(begin: float, end: float, curves: list[Points] = curves) -> float:
                return max(_extreme(curve, begin, end, max) for curve in curves)

            what = "CPU of each Pod" if series.series == "cpu" else series.series
            beside = f"most {amount(max(values), series.series)}"
            self._row(Text(f"  {what}"), self._bars(highest, high), beside)

    def _outside(self) -> None:
        """What was measured of nothing that is drawn below: queues."""
        drawn = {(w.namespace, w.ref) for w in self._story.workloads}
        drawn |= {(s.namespace, f"Service/{s.name}") for s in self._story.services}
        others = {(s.namespace, s.of) for s in self._story.series} - drawn
        for namespace, of in sorted(others):
            self._line(Text(of, "bold"))
            self._series(namespace, of)

    def _bars(self, value: Callable[[float, float], float], high: float) -> Text:
        text = Text()
        for column in range(self._columns):
            share = value(*self._slice(column)) / high
            text.append(_BARS[min(8, max(0, round(share * 8)))])
        return text

    def _heading(self, kind: str, name: str, namespace: str) -> Text:
        several = len(self._story.namespaces) > 1 and namespace
        where = f" in {namespace}" if several else ""
        return Text.assemble((f"{kind}/{name}", "bold"), (where, "dim"))

    def _counts(
        self, what: str, ready: dict[str, Points], wanted: Points, happened: list[Happening]
    ) -> None:
        total = summed(ready)
        high = max([1.0, *(value for _, value in (*total, *wanted))])
        plot = self._bars(lambda begin, end: _extreme(total, begin, end, min), high)
        last = f"{total[-1][1]:g}" if total else "0"
        beside = f"{last} of {wanted[-1][1]:g} ready" if wanted else f"{last} ready"
        self._row(Text(f"  {what}"), plot, beside)
        if happened:
            self._row(Text("  events"), self._marks([(" ", "")] * self._columns, happened))

    def _pod(self, lane: PodLane) -> None:
        cells = [(" ", "")] * self._columns
        hue = _HUES[self._version(lane) % len(_HUES)]
        for segment in lane.segments:
            letter, style = _STATES[segment.state]
            first, last = self._column(segment.begin), self._column(segment.end)
            for column in range(first, max(last, first + 1)):
                cells[column] = (letter, style or hue)
            if segment.end >= self._story.end:
                cells[-1] = (letter, style or hue)
        self._write_version(lane, cells, hue)
        again = f" ↻{lane.restarts}" if lane.restarts else ""
        plot = self._marks(cells, lane.happenings)
        self._row(Text(f"  {short_name(lane)}"), plot, (lane.node or "no node") + again)

    def _version(self, lane: PodLane) -> int:
        versions = self._story.versions
        return versions.index(lane.version) if lane.version in versions else 0

    def _write_version(self, lane: PodLane, cells: list[tuple[str, str]], hue: str) -> None:
        word = lane.version
        marked = {self._column(found.at) for found in lane.happenings}
        # A mark is drawn over what is there: a word under it would lose a letter.
        solid = "".join(" " if n in marked else letter for n, (letter, _) in enumerate(cells))
        place = solid.find("█" * (len(word) + 2)) if word else -1
        if place >= 0:
            cells[place + 1 : place + 1 + len(word)] = [(letter, hue) for letter in word]

    def _marks(self, cells: list[tuple[str, str]], happened: list[Happening]) -> Text:
        cells = list(cells)
        for found in happened:
            letter, style = _MARKS[found.tone]
            if found.tone == "scale" and scaled_down(found.message):
                letter = "▼"
            cells[self._column(found.at)] = (letter, style)
        return Text.assemble(*cells)

    def _axis(self) -> None:
        marks, words = ["─"] * self._columns, [" "] * (self._columns + _BESIDE)
        for value in ticks(self._story.end, max(2, self._columns // 14)):
            column = self._column(value)
            marks[column] = "┴"
            for offset, letter in enumerate(seconds(value)):
                words[column + offset] = letter
        self._row(Text(), Text("".join(marks), "dim"))
        self._row(Text(), Text("".join(words), "dim"))

    def _legend(self) -> None:
        story = self._story
        lanes = [lane for workload in story.workloads for lane in workload.pods]
        states = {segment.state for lane in lanes for segment in lane.segments}
        words = {"waiting": "no node yet", "unready": "no longer ready"}
        pieces = [
            f"{letter} {words.get(state, state)}"
            for state, (letter, _) in _STATES.items()
            if state in states
        ]
        tones = {found.tone for lane in lanes for found in lane.happenings}
        tones |= {found.tone for workload in story.workloads for found in workload.happenings}
        meanings: dict[Tone, str] = {
            "trouble": "failed",
            "wait": "not placed",
            "miss": "probe missed",
            "stop": "told to stop",
            "scale": "scaled",
        }
        pieces += [f"{_MARKS[tone][0]} {word}" for tone, word in meanings.items() if tone in tones]
        line = ""
        for piece in pieces:
            if line and len(line) + len(piece) + 3 > self._width:
                self._line(Text(line, "dim"))
                line = ""
            line += ("   " if line else "") + piece
        self._line(Text(line, "dim"))


def _extreme(
    curve: Points, begin: float, end: float, choose: Callable[[list[float]], float]
) -> float:
    """The lowest or highest value of a step curve within a slice of time."""
    return choose([value_at(curve, begin), *(v for at, v in curve if begin < at < end)])
