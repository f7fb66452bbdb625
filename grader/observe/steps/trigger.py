"""The step `trigger`: a Job is made of a CronJob at once, as `kubectl create job --from` does."""

from __future__ import annotations

from typing import Any

from grader.model.scenario import Trigger
from grader.observe.apply import send
from grader.observe.client import ApiAnswer
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage
from grader.observe.steps.workload import read
from grader.observe.tempo import as_written

Json = dict[str, Any]

MANUAL = "cronjob.kubernetes.io/instantiate"


def play_trigger(stage: Stage, action: Trigger) -> None:
    """Create the Job as the learner; without the CronJob there is only an answer."""
    namespace = stage.namespace_of(action.namespace)
    target = f"Job/{action.name}"
    _, said = read(stage, action.of, namespace)
    if not said.ok:
        message = f"There is no {action.of} to make a Job of."
        stage.answer("create", target, ApiAnswer(said.code, said.reason, message))
        return
    if not stage.isolation.allows("Job"):
        message = "This lab does not allow objects of kind Job."
        stage.answer("create", target, ApiAnswer(403, "KindNotAllowed", message))
        return
    kind = KNOWN["Job"]
    # At the cluster's tempo it is put by `send`, and once only.
    made = send(stage, kind, job_of(as_written(said.body), action.name, namespace))
    stage.answer("create", target, made)
    stage.expect(kind, namespace, action.name, made)


def job_of(cronjob: Json, name: str, namespace: str) -> Json:
    """The Job that a CronJob would make at its time, owned by it, under a name of our own."""
    template = (cronjob.get("spec") or {}).get("jobTemplate") or {}
    metadata = template.get("metadata") or {}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cronjob["metadata"]["name"],
        "uid": cronjob["metadata"]["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), MANUAL: "manual"},
            "ownerReferences": [owner],
        },
        "spec": template.get("spec") or {},
    }
