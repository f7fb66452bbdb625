"""What a run is given or makes by itself: volumes of the lab, Jobs of a CronJob, bare Pods."""

from __future__ import annotations

from typing import Any

import pytest

from grader.observe import observe
from grader.observe.kinds import KNOWN
from grader.observe.session import Session
from tests.grader.observe.samples import a_submission
from tests.integration.observe.workload import IMAGE, SPACE, deployment, lab_with

pytestmark = pytest.mark.embedded

Json = dict[str, Any]
VOLUME = {"name": "models", "capacity": "5Gi", "access_modes": ("ReadOnlyMany",), "claim": "cache"}
CLAIM: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "cache", "namespace": SPACE},
    "spec": {
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "standard",
        "resources": {"requests": {"storage": "5Gi"}},
    },
}


def a_pod() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "alone", "namespace": SPACE},
        "spec": {"containers": [{"name": "main", "image": f"{IMAGE}:v1"}]},
    }


def a_cron_job() -> Json:
    containers = [{"name": "main", "image": f"{IMAGE}:v1"}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": SPACE},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    }


def test_each_run_binds_its_claim_to_a_volume_of_its_own(session: Session) -> None:
    lab = lab_with("apply", volumes=(VOLUME,))
    bound = []
    for _ in range(2):
        recording = observe(lab, a_submission(CLAIM), session.cluster, session=session)
        assert recording.complete, recording.fault
        claims = [c.object for c in recording.changes if c.object["kind"] == CLAIM["kind"]]
        assert claims[-1]["status"]["phase"] == "Bound"
        bound.append(claims[-1]["spec"]["volumeName"])
    assert all(name.startswith("models-") for name in bound)
    assert len(set(bound)) == 2
    left = session.api.get(KNOWN["PersistentVolume"].path()).body["items"]
    standing = {v["metadata"]["name"] for v in left if not v["metadata"].get("deletionTimestamp")}
    assert not standing & set(bound)


def test_a_triggered_job_belongs_to_its_cron_job(session: Session) -> None:
    steps = (
        "apply",
        {"trigger": {"of": "CronJob/nightly", "name": "by-day"}},
        {"trigger": {"of": "CronJob/none", "name": "never"}, "as": "missing"},
    )
    lab = lab_with(*steps)
    recording = observe(lab, a_submission(a_cron_job()), session.cluster, session=session)
    said = [(a.step, a.verb, a.target, a.code) for a in recording.answers[1:]]
    assert said == [
        ("trigger", "create", "Job/by-day", 201),
        ("missing", "create", "Job/never", 404),
    ]
    pods = [c.object for c in recording.changes if c.object["kind"] == "Pod"]
    assert pods[-1]["metadata"]["ownerReferences"][0]["name"] == "by-day"


def test_a_pod_by_itself_can_be_deleted(session: Session) -> None:
    lab = lab_with("apply", {"delete-pod": {"of": "Pod/alone"}})
    recording = observe(lab, a_submission(a_pod()), session.cluster, session=session)
    assert ("delete", "Pod/alone", 200) in [(a.verb, a.target, a.code) for a in recording.answers]
    assert ("deleted", "alone") in [
        (c.verb, c.object["metadata"]["name"])
        for c in recording.changes
        if c.object["kind"] == "Pod"
    ]


def test_an_init_container_is_rolled(session: Session) -> None:
    web = deployment(replicas=1)
    pod = web["spec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "first", "image": f"{IMAGE}:v1"}]
    image = f"{IMAGE}:v2"
    roll = {"roll": {"object": "Deployment/web", "container": "first", "image": image}}
    lab = lab_with("apply", {**roll, "as": "roll"})
    recording = observe(lab, a_submission(web), session.cluster, session=session)
    (said,) = [a for a in recording.answers if a.step == "roll"]
    assert said.code == 200, said.message
