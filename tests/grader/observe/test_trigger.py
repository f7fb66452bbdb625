from __future__ import annotations

from grader.observe.steps.trigger import job_of
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
