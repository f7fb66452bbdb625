"""The pictures themselves: whole, readable, and never in each other's way."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.model.recording import Change, Gap, Mark, Recording, Sample
from grader.report.timeline import draw_svg, draw_text
from grader.report.timeline.extract import extract
from grader.report.timeline.ink import Label, fitted, text_width
from grader.report.timeline.layout import place
from grader.report.timeline.page import overlap
from grader.report.timeline.scale import round_up
from grader.report.timeline.style import DARK, LIGHT
from grader.report.timeline.svg import render
from tests.grader.report.timeline.samples import (
    Play,
    deployment,
    event,
    pod,
    recording,
    rollout,
)

SVG = "{http://www.w3.org/2000/svg}"


def touching(found: Recording, width: int) -> list[tuple[Label, Label]]:
    labels = place(extract(found), width=width).labels
    return [(a, b) for a, b in combinations(labels, 2) if overlap(a, b, air=0.0)]


def crowd(pods: int) -> Recording:
    play = Play(30)
    for number in range(12):
        play.step(f"step-with-a-long-name-{number}", number * 2.0, number * 2.0 + 1)
    play.see(0, deployment(pods, "a-deployment-with-quite-a-long-name-for-a-gutter"))
    for number in range(pods):
        name = f"web-1-with-a-rather-long-name-{number:05d}"
        play.see(number * 0.01, pod(name, ready=True, node="a-node-with-a-very-long-name-indeed"))
    return play.recording


def test_it_is_xml_with_title_description_and_labels() -> None:
    root = ET.fromstring(draw_svg(rollout(), title="A <rollout> & more"))
    assert root.findtext(f"{SVG}title") == "A <rollout> & more"
    described = root.findtext(f"{SVG}desc") or ""
    assert "Deployment web had 4 Pods, 2 of them in trouble." in described
    assert "simulated nodes" in described
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for word in ("apply", "roll", "web-1-1"[4:], "v1", "v2 ready", "cpu-worker-1", "simulated"):
        assert word in words
    assert "FailedScheduling" in words


def test_it_is_self_contained() -> None:
    svg = draw_svg(rollout())
    assert "<script" not in svg
    assert "@import" not in svg
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", svg)
    assert "prefers-color-scheme:dark" in svg


def test_two_pictures_in_one_page_do_not_share_ids() -> None:
    one, other = draw_svg(rollout()), draw_svg(crowd(3))
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (one, other)]
    assert not ids[0] & ids[1]
    for svg, known in zip((one, other), ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= known
        assert set(re.findall(r'aria-labelledby="([^"]+)"', svg)[0].split()) <= known


def test_the_same_recording_gives_the_same_picture() -> None:
    assert draw_svg(rollout()) == draw_svg(rollout())


@pytest.mark.parametrize("width", [480, 700, 900, 1400])
@pytest.mark.parametrize("pods", [0, 1, 5, 20, 60])
def test_texts_do_not_touch_and_stay_on_the_paper(width: int, pods: int) -> None:
    found = crowd(pods) if pods else rollout()
    assert touching(found, width) == []
    scene = place(extract(found), width=width)
    for label in scene.labels:
        left, top, right, bottom = label.box
        assert left >= 0, label
        assert right <= scene.width, label
        assert top >= 0, label
        assert bottom <= scene.height, label


def test_more_pods_than_anyone_reads_are_counted() -> None:
    assert "and 20 more Pods" in draw_svg(crowd(60))
    assert "and 20 more Pods" in draw_text(crowd(60))


def test_an_incomplete_recording_and_blind_spots_say_so() -> None:
    play = Play(fault="the API server went away")
    play.recording.gaps.append(Gap(1, 2, "Pod"))
    svg = draw_svg(play.recording)
    assert "Incomplete: the API server went away" in svg
    assert "the watch was blind here" in svg
    assert "Incomplete" in draw_text(play.recording)


def test_nothing_gives_a_picture_too() -> None:
    ET.fromstring(draw_svg(recording(0.0)))
    assert draw_text(recording(0.0))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_have_contrast(theme: dict[str, str]) -> None:
    for ground in ("card", "band"):
        for ink in ("ink", "muted", "bad", "warn"):
            assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    for number in range(6):
        assert contrast(theme["on"], theme[f"v{number}"]) >= 4.5, number


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2 defines it."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_of_text_fit_and_differ_without_colour(width: int) -> None:
    text = draw_text(rollout(), width=width)
    assert "\x1b" not in text
    assert all(len(line) <= width for line in text.splitlines())
    for sign in "░█▒■!o◇▲":
        assert sign in text


def test_a_dip_between_two_columns_is_seen() -> None:
    play = Play(100).see(0, deployment(1))
    play.see(1, pod("a", ready=True)).see(50.0, pod("a", ready=False))
    play.see(50.01, pod("a", ready=True))
    ready = next(line for line in draw_text(play.recording).splitlines() if "ready " in line)
    plot = ready[22:].split(" 1 of 1")[0].strip()
    assert " " in plot


def test_a_mark_takes_no_letter_from_a_version() -> None:
    play = Play(10).see(1, pod("a", ready=True, owner=None))
    for number, at in enumerate((1.5, 1.9)):
        missed = event("Pod/a", "Unhealthy", "Readiness probe failed: 503", f"miss-{number}")
        play.see(at, missed, "added")
    lane = next(line for line in draw_text(play.recording).splitlines() if "█" in line)
    assert "█v1█" in lane
    assert lane.index("o") < lane.index("█v1█")


def test_what_a_cluster_says_does_not_reach_the_terminal_as_it_is() -> None:
    found = pod("a\x1b[2J\x00b", ready=True, owner=None)
    text = draw_text(Play(10).see(1, found).recording, width=80)
    assert "\x1b" not in text
    assert "\x00" not in text


def test_colour_is_asked_for() -> None:
    assert "\x1b[" in draw_text(rollout(), colour=True)


@pytest.mark.parametrize(
    ("value", "up"), [(1187, 1200), (0.33, 0.33), (0, 1), (5e-324, 1), (20, 20), (1e15, 1e15)]
)
def test_numbers_at_an_axis_are_round(value: float, up: float) -> None:
    assert round_up(value) == up


def test_fitted_text_fits() -> None:
    assert fitted("short", 500, 11) == "short"
    assert text_width(fitted("a" * 100, 50, 11), 11) <= 50
    assert fitted("web-5f98-abcde", 60, 10, mono=True, keep_end=True).endswith("abcde")
    assert fitted("anything", 1, 11) == ""


names = st.sampled_from(
    ["a", "b", "web", "web-1", "<&>\x00\ud800".encode("utf-8", "replace").decode()]
)
loose: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | names | st.just("Ready"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["conditions", "containers", "containerStatuses", "state", "waiting", "terminated",
             "exitCode", "reason", "type", "status", "image", "name", "replicas", "nodeName",
             "restartCount", "lastState", "endpoints", "addresses", "targetRef", "phase"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    kind = st.sampled_from(
        ["Pod", "Deployment", "ReplicaSet", "Job", "Service", "EndpointSlice", "Event",
         "HorizontalPodAutoscaler", "Node", "StatefulSet"]
    )  # fmt: skip
    metadata: dict[str, Any] = {"name": draw(names), "namespace": draw(names)}
    metadata["uid"] = draw(names)
    if draw(st.booleans()):
        metadata["ownerReferences"] = [
            {"kind": draw(kind), "name": draw(names), "uid": draw(names), "controller": True}
        ]
    if draw(st.booleans()):
        metadata["labels"] = {"kubernetes.io/service-name": draw(names)}
    if draw(st.integers(0, 5)) == 0:
        metadata["deletionTimestamp"] = "now"
    return {
        "kind": draw(kind),
        "metadata": metadata,
        "spec": draw(loose),
        "status": draw(loose),
        "endpoints": draw(loose),
        "reason": draw(st.sampled_from(["Killing", "FailedMount", "SuccessfulRescale", "x"])),
        "message": draw(names),
        "involvedObject": {"kind": "Pod", "name": draw(names)},
    }


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    found = recording(draw(st.floats(0, 1000)))
    moment = st.floats(-1, 2000, allow_nan=False)
    verbs = st.sampled_from(["present", "added", "modified", "deleted"])
    for version in range(draw(st.integers(0, 25))):
        found.changes.append(Change(draw(moment), version, draw(verbs), draw(objects())))
    for _ in range(draw(st.integers(0, 12))):
        series = draw(st.sampled_from(["rate", "cpu", "memory", "queue", "other"]))
        of = draw(st.sampled_from(["Pod/a", "Pod/web", "Service/web", "queue_length", "\ud83d"]))
        value = draw(st.floats(0, 1e12))
        found.samples.append(Sample(draw(moment), "", series, of, draw(names), value))
    for version in range(draw(st.integers(0, 6))):
        phase = draw(st.sampled_from(["begin", "end"]))
        found.marks.append(Mark(draw(moment), version, draw(names), "apply", phase))
    return found


@given(recordings(), st.integers(300, 1500))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_recording_is_too_odd(found: Recording, width: int) -> None:
    story = extract(found)
    scene = place(story, width=width)
    ET.fromstring(render(scene))
    assert not [(a, b) for a, b in combinations(scene.labels, 2) if overlap(a, b, air=0.0)]
    assert all(len(line) <= 80 for line in draw_text(found, width=80).splitlines())
    assert all(
        segment.begin <= segment.end
        for workload in story.workloads
        for lane in workload.pods
        for segment in lane.segments
    )
