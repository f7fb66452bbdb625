from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.tempo import at_tempo, scaled


@given(st.integers(0, 10**6), st.sampled_from([0.001, 0.05, 0.3, 1.0]))
def test_seconds_stay_whole_and_never_vanish(seconds: int, factor: float) -> None:
    changed = scaled(seconds, factor)
    assert (changed > 0) == (seconds > 0)
    assert changed <= max(seconds, 1)
    assert scaled(seconds, 1.0) == seconds


def test_an_autoscaler() -> None:
    hpa: dict[str, Any] = {
        "kind": "HorizontalPodAutoscaler",
        "spec": {
            "minReplicas": 3,
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                },
                "scaleUp": {"stabilizationWindowSeconds": 0},
            },
        },
    }
    changed = at_tempo(hpa, 0.05)["spec"]
    assert changed["behavior"] == {
        "scaleDown": {
            "stabilizationWindowSeconds": 15,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 3}],
        },
        "scaleUp": {"stabilizationWindowSeconds": 0},
    }
    assert changed["minReplicas"] == 3
    assert hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_a_deployments_deadline_stays_behind_its_minimum() -> None:
    spec = {"minReadySeconds": 10, "progressDeadlineSeconds": 15}
    changed = at_tempo({"kind": "Deployment", "spec": spec}, 0.05)
    assert changed["spec"] == {"minReadySeconds": 1, "progressDeadlineSeconds": 2}


@pytest.mark.parametrize(
    "manifest",
    [
        {"kind": "Pod", "spec": {"activeDeadlineSeconds": 600}},
        {"kind": "Job"},
        {"kind": "Job", "spec": {"activeDeadlineSeconds": "soon"}},
        {"kind": "Job", "spec": None},
        {},
    ],
)
def test_what_no_controller_counts_stays(manifest: dict[str, Any]) -> None:
    assert at_tempo(manifest, 0.05) == manifest


def test_a_job_and_a_cron_job() -> None:
    job = {"spec": {"activeDeadlineSeconds": 3600, "ttlSecondsAfterFinished": 100}}
    scaled_spec = {"activeDeadlineSeconds": 180, "ttlSecondsAfterFinished": 5}
    assert at_tempo({"kind": "Job", **job}, 0.05)["spec"] == scaled_spec
    cron = at_tempo({"kind": "CronJob", "spec": {"jobTemplate": job}}, 0.05)
    assert cron["spec"]["jobTemplate"]["spec"] == scaled_spec
