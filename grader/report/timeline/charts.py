"""Values over time: ready endpoints, replicas, request rates and usage."""

from __future__ import annotations

from itertools import pairwise

from grader.report.timeline.ink import Label, Path, fitted, text_width
from grader.report.timeline.marks import draw_marks
from grader.report.timeline.page import MARGIN, Page
from grader.report.timeline.scale import Scale, amount, round_up, seconds
from grader.report.timeline.story import Points, Series, Service, Workload

HEIGHT = 44.0
_ROW = HEIGHT + 20.0
_MEASURED = {
    "rate": "requests a second",
    "cpu": "CPU: each Pod, mean",
    "memory": "memory: each Pod, mean",
    "queue": "queue length",
}


def draw_service(page: Page, service: Service) -> None:
    """Ready endpoints, stacked by the version behind them, with each dip named."""
    total = summed(service.ready)
    _names(page, service.name, "ready endpoints", service.namespace)
    high = max([1.0, *(value for _, value in total)])
    scale = _axis(page, high, f"{high:g}")
    _stack(page, service.ready, scale, f"Service {service.name}: ready endpoints")
    _dips(page, total, scale)
    _beside(page, f"{total[-1][1]:g}" if total else "0", "ready at the end")
    page.y += _ROW


def draw_replicas(page: Page, workload: Workload) -> None:
    """Ready replicas, stacked by version, under the line of those that are wanted."""
    total = summed(workload.ready)
    wanted = workload.wanted
    below = "ready" if wanted else "running"
    _names(page, workload.name, f"{workload.kind}: {below} Pods", workload.namespace)
    high = max([1.0, *(value for _, value in (*total, *wanted))])
    scale = _axis(page, high, f"{high:g}")
    _stack(page, workload.ready, scale, f"{workload.ref}: ready replicas")
    if wanted:
        short = _between(page, total, wanted, scale)
        page.add(Path(short, "short", f"{workload.ref}: fewer ready than wanted"))
        look = "wanted"
        page.add(Path(_steps(page, wanted, scale), look, f"{workload.ref}: wanted replicas"))
    last = f"{total[-1][1]:g}" if total else "0"
    _beside(page, f"{last} of {wanted[-1][1]:g}" if wanted else last, "ready at the end")
    draw_marks(page, workload.happenings, page.y + 2)
    page.y += _ROW


def draw_name(page: Page, workload: Workload) -> None:
    """Only the name, where a chart would say no more than the one lane below it."""
    _names(page, workload.name, workload.kind, workload.namespace)
    draw_marks(page, workload.happenings, page.y + 14)
    page.y += 54 if page.several_namespaces and workload.namespace else 40


def draw_series(page: Page, series: Series) -> None:
    """Measured values: each object's line, their mean where there are several, and the target
    that an autoscaler holds them to."""
    name = series.of.partition("/")[2] or series.of
    values = [value for curve in series.curves.values() for _, value in curve]
    high = round_up(max([*values, (series.target or 0) * 1.15]))
    word = amount(high, series.series)
    _names(page, name, _MEASURED.get(series.series, series.series), series.namespace, word)
    scale = _axis(page, high, word)
    single = len(series.curves) == 1
    for of, curve in sorted(series.curves.items()):
        told = f"{of}: {amount(curve[-1][1], series.series)} at the end"
        if single:
            page.add(Path(_area(page, curve, scale), "area v1", told))
        page.add(Path(_steps(page, curve, scale, single), "line" if single else "line faint", told))
    if not single:
        told = f"{series.of}: mean of its Pods"
        page.add(Path(_steps(page, mean(series.curves), scale, to_end=False), "line", told))
    room = page.width - MARGIN - page.right - 8
    if series.target:
        y = scale(series.target)
        words = fitted(f"target {amount(series.target, series.series)}", room, 10.5)
        page.add(Path(f"M{page.left:.1f} {y:.1f}H{page.right:.1f}", "target", words))
        page.add(Label(page.right + 8, y + 3.5, words, "aim", 10.5))
    elif single:
        _beside(
            page, amount(next(iter(series.curves.values()))[-1][1], series.series), "at the end"
        )
    page.y += _ROW


def mean(curves: dict[str, Points]) -> Points:
    """The mean of those curves that have a value at each moment: a Pod's ends with its last."""
    begins = {name: curve[0][0] for name, curve in curves.items()}
    ends = {name: curve[-1][0] for name, curve in curves.items()}
    middle: Points = []
    for at in sorted({at for curve in curves.values() for at, _ in curve}):
        alive = [name for name in curves if begins[name] <= at <= ends[name]]
        value = sum(value_at(curves[name], at) for name in alive) / len(alive)
        if not middle or middle[-1][1] != value:
            middle.append((at, value))
    last = max(ends.values())
    return [*middle, (last, middle[-1][1])] if middle[-1][0] < last else middle


def summed(curves: dict[str, Points]) -> Points:
    """The curves added up."""
    moves = sorted(
        (at, place, value) for place, curve in enumerate(curves.values()) for at, value in curve
    )
    now: dict[int, float] = {}
    total: Points = []
    for at, place, value in moves:
        now[place] = value
        whole = sum(now.values())
        if total and total[-1][0] == at:
            total.pop()
        if not total or total[-1][1] != whole:
            total.append((at, whole))
    return total


def _names(page: Page, name: str, what: str, namespace: str, number: str = "00") -> None:
    """Name and what is shown, left of the `number` at the top of the axis."""
    room = page.left - MARGIN - 14 - text_width(number, 9.5)
    y = page.y + 16
    page.add(Label(MARGIN, y, fitted(name, room, 12), "strong", 12, title=name))
    page.add(Label(MARGIN, y + 15, fitted(what, room, 10.5), "muted", 10.5))
    if page.several_namespaces and namespace:
        page.add(Label(MARGIN, y + 29, fitted(f"in {namespace}", room, 10.5), "muted", 10.5))


def _axis(page: Page, high: float, word: str) -> Scale:
    top, bottom = page.y + 8, page.y + 8 + HEIGHT
    page.under(Path(f"M{page.left:.1f} {bottom:.1f}H{page.right:.1f}", "base"))
    page.under(Path(f"M{page.left:.1f} {top:.1f}H{page.right:.1f}", "grid"))
    page.add(Label(page.left - 6, top + 3.5, word, "muted", 9.5, "end"))
    page.add(Label(page.left - 6, bottom + 1, "0", "muted", 9.5, "end"))
    return Scale(0.0, high, bottom, top)


def _beside(page: Page, value: str, what: str) -> None:
    room = page.width - MARGIN - page.right - 8
    page.add(Label(page.right + 8, page.y + 26, fitted(value, room, 13), "strong", 13))
    page.add(Label(page.right + 8, page.y + 41, fitted(what, room, 10), "muted", 10))


def _stack(page: Page, curves: dict[str, Points], scale: Scale, title: str) -> None:
    order = [v for v in page.story.versions if v in curves]
    order += [v for v in curves if v not in order]
    below: dict[str, Points] = {}
    for version in order:
        lower = summed(below)
        below[version] = curves[version]
        upper = summed(below)
        look = f"stack {page.version_look(version)}"
        told = f"{title}{' of ' + version if version else ''}"
        page.add(Path(_between(page, lower, upper, scale), look, told))


def _between(page: Page, lower: Points, upper: Points, scale: Scale) -> str:
    """Rectangles between two step curves, as one path."""
    times = sorted({at for at, _ in (*lower, *upper)} | {page.story.end})
    pieces = []
    for begin, end in pairwise(times):
        low, high = value_at(lower, begin), value_at(upper, begin)
        if high > low:
            pieces.append(
                f"M{page.time(begin):.1f} {scale(low):.1f}V{scale(high):.1f}"
                f"H{page.time(end):.1f}V{scale(low):.1f}Z"
            )
    return "".join(pieces)


def value_at(curve: Points, at: float) -> float:
    """The value of a step curve at a second; 0 before it begins."""
    value = 0.0
    for since, then in curve:
        if since > at:
            break
        value = then
    return value


def _steps(page: Page, curve: Points, scale: Scale, to_end: bool = True) -> str:
    pieces = [f"M{page.time(curve[0][0]):.1f} {scale(curve[0][1]):.1f}"]
    for at, value in curve[1:]:
        pieces.append(f"H{page.time(at):.1f}V{scale(value):.1f}")
    if to_end:
        pieces.append(f"H{page.right:.1f}")
    return "".join(pieces)


def _area(page: Page, curve: Points, scale: Scale) -> str:
    floor = scale(0)
    line = _steps(page, curve, scale)
    return f"{line}V{floor:.1f}H{page.time(curve[0][0]):.1f}Z"


def _dips(page: Page, total: Points, scale: Scale) -> None:
    """Name the lowest value of each step in which the curve falls below where it began."""
    for step in page.story.steps[1:]:
        begin = value_at(total, step.begin)
        within = [(at, value) for at, value in total if step.begin < at <= step.end]
        if not within or (low := min(value for _, value in within)) >= begin:
            continue
        at = next(at for at, value in within if value == low)
        until = next((later for later, _ in total if later > at), step.end)
        x = page.time((at + min(until, step.end)) / 2)
        told = f"{low:g} at {seconds(round(at, 1))}"
        page.add_if_free(Label(x, scale(low) - 4, f"{low:g}", "dip", 11, "middle", title=told))
