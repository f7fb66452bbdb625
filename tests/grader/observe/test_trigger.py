from __future__ import annotations

from grader.observe.steps.trigger import job_of
from grader.observe.tempo import as_written, to_cluster
from tests.grader.observe.samples import an_object


def test_a_triggered_job_is_what_the_cron_job_would_make() -> None:
    template = {"metadata": {"labels": {"team": "a"}}, "spec": {"backoffLimit": 1}}
    nightly = an_object("CronJob", "nightly", spec={"jobTemplate": template})
    job = job_of(nightly, "nightly-by-day", "ml")
    assert job["spec"] == {"backoffLimit": 1}
    assert job["metadata"]["labels"] == {"team": "a"}
    assert job["metadata"]["namespace"] == "ml"
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["uid"] == nightly["metadata"]["uid"]
    assert owner["controller"] is True
    assert template == nightly["spec"]["jobTemplate"]


def test_its_seconds_are_put_at_the_cluster_s_tempo_once() -> None:
    template = {"spec": {"activeDeadlineSeconds": 60, "template": {"spec": {"containers": []}}}}
    nightly = an_object("CronJob", "nightly", spec={"jobTemplate": template})
    there = to_cluster(nightly, 0.05)
    assert there["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3
    job = to_cluster(job_of(as_written(there), "nightly-by-day", "ml"), 0.05)
    assert job["spec"]["activeDeadlineSeconds"] == 3
    assert as_written(job)["spec"]["activeDeadlineSeconds"] == 60
