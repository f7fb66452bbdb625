"""Custom resources of other projects: served before a run begins, and judged strictly."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cluster.model import ClusterStatus
from grader.errors import MachineError
from grader.observe import observe
from grader.observe.definitions import define
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission
from tests.integration.observe.workload import NAMESPACE, SPACE, names

pytestmark = pytest.mark.embedded

Json = dict[str, Any]
KINDS = ("Namespace", "ScaledObject", "VerticalPodAutoscaler")


def scaled_object(name: str = "workers", **spec: Any) -> Json:
    trigger = {"type": "rabbitmq", "metadata": {"queueName": "jobs", "value": "10"}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {"scaleTargetRef": {"name": "workers"}, "triggers": [trigger], **spec},
    }


def recommender(mode: str) -> Json:
    return {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "updatePolicy": {"updateMode": mode},
        },
    }


def test_they_are_accepted_recorded_and_checked_strictly(session: Session) -> None:
    lab = a_lab(crds=("keda", "vpa"), kinds=KINDS)
    slip = scaled_object("slip", minReplicas=0)
    submission = a_submission(NAMESPACE, scaled_object(), recommender("Off"), slip)
    recording = observe(lab, submission, session.cluster, session=session)
    codes = {answer.target: answer.code for answer in recording.answers}
    assert codes["ScaledObject/workers"] == 201
    assert codes["VerticalPodAutoscaler/web"] == 201
    assert codes["ScaledObject/slip"] == 400
    assert "minReplicas" in next(a.message for a in recording.answers if a.code == 400)
    assert names(recording, "ScaledObject") == {"workers"}
    assert names(recording, "VerticalPodAutoscaler") == {"web"}
    assert recording.complete


def test_a_value_outside_the_enumeration_is_refused(session: Session) -> None:
    lab = a_lab(crds=("vpa",), kinds=KINDS)
    recording = observe(
        lab, a_submission(NAMESPACE, recommender("Suggest")), session.cluster, session=session
    )
    (said,) = [a for a in recording.answers if a.target == "VerticalPodAutoscaler/web"]
    assert said.code == 422
    assert "updateMode" in said.message


def test_twice_is_as_good_as_once(session: Session) -> None:
    for _ in range(2):
        define(session.api, session.kinds, session.cluster, ["keda"])


def test_a_cluster_of_somebody_is_not_given_any(session: Session) -> None:
    path = (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
        "verticalpodautoscalercheckpoints.autoscaling.k8s.io"
    )
    session.api.call("DELETE", path)
    deadline = time.monotonic() + 30
    # Its finalizer first removes what there is of the kind.
    while session.api.call("GET", path).ok and time.monotonic() < deadline:
        time.sleep(0.1)
    foreign: ClusterStatus = session.cluster.model_copy(update={"provider": "context:mine"})
    with pytest.raises(MachineError, match="does not have") as caught:
        define(session.api, session.kinds, foreign, ["vpa"])
    assert "kubectl apply" in caught.value.hint
    define(session.api, session.kinds, session.cluster, ["vpa"])
