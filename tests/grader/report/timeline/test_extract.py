"""What is read out of a recording, and that it is told as it was."""

from __future__ import annotations

import pytest

from grader.model.recording import Recording, Sample
from grader.report.timeline import draw_svg, draw_text
from grader.report.timeline.charts import mean
from grader.report.timeline.extract import extract
from grader.report.timeline.marks import scaled_down
from grader.report.timeline.story import PodLane, Story
from tests.grader.report.timeline.samples import (
    Play,
    crashed,
    deployment,
    endpoints,
    event,
    pod,
    replica_set,
    rollout,
    thing,
)


def lane(story: Story, name: str) -> PodLane:
    return next(lane for w in story.workloads for lane in w.pods if lane.name == name)


def test_pods_belong_to_their_deployment_through_replica_sets() -> None:
    story = extract(rollout())
    (workload,) = story.workloads
    assert workload.ref == "Deployment/web"
    assert [lane.name for lane in workload.pods] == ["web-1-1", "web-1-2", "web-2-1", "web-2-2"]
    assert story.versions == ["v1", "v2"]


def test_a_life_is_told_from_beginning_to_end() -> None:
    one = lane(extract(rollout()), "web-1-1")
    assert [(s.state, s.begin, s.end) for s in one.segments] == [
        ("waiting", 0.7, 0.8),
        ("starting", 0.8, 2.0),
        ("ready", 2.0, 4.3),
        ("terminating", 4.3, 5.0),
    ]
    assert (one.node, one.version) == ("cpu-worker-1", "v1")


def test_a_run_that_ended_badly_is_told_once() -> None:
    play = Play().see(1, pod("web", owner=None), "added")
    for at in (2, 3):
        play.see(at, pod("web", owner=None, **crashed()))
    play.see(4, pod("web", owner=None, **crashed(restarts=2)))
    one = lane(extract(play.recording), "web")
    assert [(found.at, found.reason) for found in one.happenings] == [
        (2, "OOMKilled"),
        (4, "OOMKilled"),
    ]
    assert one.restarts == 2
    assert one.segments[-1].state == "failing"
    assert one.segments[-1].why == "CrashLoopBackOff"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Succeeded"}, "succeeded"),
        ({"phase": "Failed"}, "failed"),
        ({"phase": "Pending", "node": ""}, "waiting"),
        ({"ready": True}, "ready"),
        ({"ready": False}, "starting"),
        ({"ready": True, "deleting": True}, "terminating"),
        ({"phase": "Succeeded", "deleting": True}, "terminating"),
    ],
)
def test_states(status: dict[str, object], expected: str) -> None:
    story = extract(Play().see(1, pod("web", **status), "added").recording)  # type: ignore[arg-type]
    assert lane(story, "web").segments[-1].state == expected


def test_losing_readiness_is_not_starting() -> None:
    play = Play()
    for at, ready in ((1, False), (2, True), (3, False)):
        play.see(at, pod("web", ready=ready))
    states = [s.state for s in lane(extract(play.recording), "web").segments]
    assert states == ["starting", "ready", "unready"]


def test_endpoints_are_counted_by_version() -> None:
    (service,) = extract(rollout()).services
    assert service.ready == {"v1": [(2.0, 2.0), (4.4, 1.0)], "v2": [(7.0, 1.0)]}


def test_endpoints_of_several_slices_are_added_up() -> None:
    play = Play().see(1, pod("a", ready=True)).see(1, pod("b", ready=True))
    second = endpoints("web", "b")
    second["metadata"]["name"] = "web-two"
    second["endpoints"][0]["addresses"] = ["10.0.0.9"]
    play.see(2, endpoints("web", "a")).see(3, second).see(4, second, "deleted")
    (service,) = extract(play.recording).services
    assert service.ready == {"v1": [(2, 1.0), (3, 2.0), (4, 1.0)]}


def test_what_is_not_ready_is_no_endpoint() -> None:
    piece = endpoints("web", "a")
    piece["endpoints"][0]["conditions"]["ready"] = False
    (service,) = extract(Play().see(1, piece).recording).services
    assert not any(value for curve in service.ready.values() for _, value in curve)


def test_wanted_and_ready_replicas() -> None:
    play = Play().see(1, deployment(2), "added").see(1, replica_set())
    play.see(2, pod("web-1-a", ready=True)).see(3, deployment(5)).see(4, deployment(5))
    play.see(5, pod("web-1-a", ready=True), "deleted").see(6, deployment(5), "deleted")
    (workload,) = extract(play.recording).workloads
    assert workload.wanted == [(1, 2.0), (3, 5.0), (6, 0.0)]
    assert workload.ready == {"v1": [(2, 1.0), (5, 0.0)]}


def test_ready_at_the_end_stays_ready() -> None:
    (workload,) = extract(Play(10).see(2, pod("a", ready=True)).recording).workloads
    assert workload.ready == {"v1": [(2, 1.0)]}


def test_events_go_to_what_they_are_about() -> None:
    autoscaler = thing(
        "HorizontalPodAutoscaler",
        "load",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    )
    play = Play().see(1, deployment()).see(1, replica_set()).see(1, autoscaler)
    play.see(2, event("ReplicaSet/web-1", "FailedCreate", "quota"), "added")
    play.see(3, event("HorizontalPodAutoscaler/load", "SuccessfulRescale", "New size: 4"), "added")
    play.see(4, event("ReplicaSet/web-1", "SuccessfulCreate"), "added")
    (workload,) = extract(play.recording).workloads
    assert [(f.reason, f.tone) for f in workload.happenings] == [
        ("FailedCreate", "trouble"),
        ("SuccessfulRescale", "scale"),
    ]


@pytest.mark.parametrize(
    ("message", "down"),
    [
        ("Scaled down replica set web-1 from 3 to 2", True),
        ("New size: 3; reason: All metrics below target", True),
        ("New size: 3; reason: Current number of replicas below Spec.MinReplicas", False),
        ("New size: 8; reason: Current number of replicas above Spec.MaxReplicas", True),
        ("New size: 6; reason: cpu resource utilization above target", False),
    ],
)
def test_the_direction_of_a_rescale(message: str, down: bool) -> None:
    assert scaled_down(message) is down


def measured() -> Recording:
    """Two Pods at 300m and 100m under an autoscaler whose target is 50 % of 400m."""
    play = Play(10).see(1, deployment()).see(1, replica_set())
    for name in ("web-1-a", "web-1-b"):
        found = pod(name, ready=True)
        found["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "400m"}}
        play.see(1, found)
    metric = {"resource": {"name": "cpu", "target": {"averageUtilization": 50}}}
    target = {"kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "metrics": [metric]}
    play.see(1, thing("HorizontalPodAutoscaler", "web", spec=spec))
    samples = play.recording.samples
    for at in (2.0, 3.0):
        samples.append(Sample(at, "", "rate", "Service/web", "ml", 40.0))
        samples.append(Sample(at, "", "cpu", "Pod/web-1-a", "ml", 0.3))
        samples.append(Sample(at, "", "cpu", "Pod/web-1-b", "ml", 0.1))
        samples.append(Sample(at, "", "memory", "Pod/web-1-a", "ml", 2.0**30))
    return play.recording


def test_measured_values_belong_to_their_workload_and_have_its_target() -> None:
    rate, cpu = extract(measured()).series
    assert (rate.series, rate.of, rate.curves) == (
        "rate",
        "Service/web",
        {"Service/web": [(2.0, 40.0), (3.0, 40.0)]},
    )
    assert (cpu.series, cpu.of, cpu.target) == ("cpu", "Deployment/web", 0.2)
    assert mean(cpu.curves) == [(2.0, 0.2), (3.0, 0.2)]


def test_usage_that_never_moves_and_nobody_scales_by_is_left_out() -> None:
    assert "memory" not in {series.series for series in extract(measured()).series}


def test_measured_values_are_drawn() -> None:
    svg = draw_svg(measured())
    assert "target 200m" in svg
    assert "requests a second" in svg
    assert "CPU of each Pod" in draw_text(measured())


def test_a_missed_readiness_probe_is_no_trouble_and_a_liveness_probe_is() -> None:
    play = Play().see(1, pod("a", owner=None))
    for at, probe in ((2, "Readiness"), (3, "Liveness")):
        message = f"{probe} probe failed: HTTP probe failed with statuscode: 503"
        play.see(at, event("Pod/a", "Unhealthy", message, name=probe), "added")
    assert [found.tone for found in lane(extract(play.recording), "a").happenings] == [
        "miss",
        "trouble",
    ]


def test_steps_reach_to_the_next_and_unnamed_ones_join() -> None:
    play = Play(10).step("apply", 0.5, 2).step("apply", 2, 3).step("roll", 4, 9, "quiet")
    steps = extract(play.recording).steps
    assert [(s.name, s.begin, s.end, s.ended, s.note) for s in steps] == [
        ("apply", 0.5, 4, 3, "settled"),
        ("roll", 4, 10, 9, "quiet"),
    ]


def test_the_evidence_is_named() -> None:
    story = extract(rollout())
    assert story.simulated
    assert story.evidence == (
        "embedded, Kubernetes 1.35.4, simulated kubelet, 20× faster than life"
    )


def test_a_workload_can_be_chosen() -> None:
    recording = rollout()
    for chosen in ("web", "Deployment/web"):
        assert len(extract(recording, workload=chosen).workloads) == 1
    assert extract(recording, workload="other").workloads == []
    assert extract(recording, workload="other").services == []
    assert extract(recording, namespace="ml").services
    assert not extract(recording, namespace="elsewhere").services


def test_an_image_without_tag_is_known_by_its_digest() -> None:
    image = "registry.example.com/web@sha256:9f86d081884c7d65"
    story = extract(Play().see(1, pod("a", image=image)).recording)
    assert story.versions == ["9f86d081"]
    local = extract(Play().see(1, pod("a", image="localhost:5000/web")).recording)
    assert local.versions == ["latest"]
