from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.model import ClusterStatus
from grader.observe import observe_live
from grader.observe.session import Session
from tests.grader.observe.samples import a_submission
from tests.integration.observe.workload import deployment, lab_with, names, notes

pytestmark = [pytest.mark.embedded, pytest.mark.slow]

SPACE = "learner"
LAB = lab_with(
    "apply",
    {"request": {"service": "web", "path": "/predict"}, "as": "predict"},
    {"delete": {"namespaces": True}, "as": "cleanup"},
    {"wait-gone": {}},
    live=True,
    namespaces=(SPACE,),
)


def learner(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "metadata": {**value["metadata"], "namespace": SPACE}}


NAMESPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
WEB = a_submission(NAMESPACE, learner(deployment()))


@pytest.fixture
def their_own(session: Session) -> Iterator[None]:
    """The learner's own Deployment in a namespace of their own."""
    assert session.api.call("POST", "/api/v1/namespaces", NAMESPACE).ok
    path = f"/apis/apps/v1/namespaces/{SPACE}/deployments"
    assert session.api.call("POST", path, learner(deployment())).ok
    yield
    session.api.call("DELETE", f"/api/v1/namespaces/{SPACE}")


def everything(session: Session) -> list[str]:
    """Name and version of all that is there, but for what changes by itself."""
    found = []
    for kind in ("pods", "services", "configmaps", "serviceaccounts"):
        items = session.api.get(f"/api/v1/namespaces/{SPACE}/{kind}").body["items"]
        for item in items:
            metadata = item["metadata"]
            found.append(f"{kind} {metadata['name']} {metadata['resourceVersion']}")
    return found


def test_two_looks_prove_the_cleanup(
    observed_cluster: ClusterStatus, session: Session, their_own: None
) -> None:
    first = observe_live(LAB, WEB, observed_cluster)
    assert first.live
    assert first.complete
    assert notes(first)[0] == ("apply", "settled")
    assert {mark.step for mark in first.marks} == {"apply", "predict"}, "nothing is cleaned up yet"
    assert len(names(first, "Pod")) == 2
    assert [answer.ok for answer in first.answers] == [True, True, False]

    before = everything(session)
    observe_live(LAB, WEB, observed_cluster)
    assert everything(session) == before, "a look changes nothing"

    session.api.call("DELETE", f"/api/v1/namespaces/{SPACE}")
    second = observe_live(LAB, WEB, observed_cluster, earlier=first)
    assert second.marks[-2].detail == {"absent": [SPACE]}
    gone = [c.object for c in second.changes if c.verb == "deleted"]
    kinds = {obj["kind"] for obj in gone}
    assert {"Namespace", "Deployment", "ReplicaSet", "Pod"} <= kinds
    assert "Node" not in kinds
    assert {gap.kind for gap in second.gaps} == kinds
    assert second.marks[-1].version == max(change.version for change in second.changes)
    assert observe_live(LAB, WEB, observed_cluster, earlier=second) == second

    alone = observe_live(LAB, WEB, observed_cluster)
    assert names(alone, "Pod") == set(), "without the earlier look nothing is proven"
    assert alone.marks[-2].detail == {"absent": [SPACE]}
