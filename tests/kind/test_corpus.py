"""The whole corpus of the labs that run on real containers: the verdicts must be those of embedded.

Everything is played at once as far as the labs allow: those that share a cluster on one kind
cluster, those with nodes of their own on two more, and all of it again on embedded clusters.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus
from grader.grading.sessions import Player
from grader.grading.where import CLUSTER_NAME
from grader.load.labs import all_labs
from grader.model.lab import Lab
from grader.verify.prove import Proof, prove

pytestmark = [pytest.mark.kind, pytest.mark.slow]

LABS = [lab for lab in all_labs() if "kind" in lab.file.clusters]
SHARING = [lab for lab in LABS if lab.file.isolation == "namespace"]
SHARED_AT_ONCE, CLUSTERS = 10, 2


@dataclass
class Proofs:
    """Both proofs of one lab, in the making."""

    kind: Future[Proof]
    embedded: Future[Proof]


@pytest.fixture(scope="module")
def proofs(running: ClusterStatus) -> Iterator[dict[str, Proofs]]:
    """All proofs, begun at the same time."""
    assert running.name == CLUSTER_NAME
    try:
        with (
            Player("kind", CLUSTERS, at_once=SHARED_AT_ONCE * len(SHARING)) as kind,
            Player("embedded") as embedded,
            ThreadPoolExecutor(len(LABS) + 1) as workers,
        ):
            # One after the other on embedded, which takes seconds a lab; all at once on kind.
            after = ThreadPoolExecutor(1)
            yield {
                lab.id: Proofs(
                    workers.submit(prove, lab, kind, _at_once(lab)),
                    after.submit(prove, lab, embedded, 2),
                )
                for lab in sorted(LABS, key=lambda lab: lab.file.isolation)
            }
            after.shutdown()
    finally:
        EmbeddedProvider().delete(CLUSTER_NAME)


def _at_once(lab: Lab) -> int:
    return CLUSTERS if lab.file.isolation == "cluster" else SHARED_AT_ONCE


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_verdicts_on_real_containers_are_those_of_embedded(
    lab: Lab, proofs: dict[str, Proofs]
) -> None:
    """Both stand, so starter, solution, mistakes and variants have the verdicts that they must;
    and entry by entry each check has the same status, unless one cluster cannot prove it."""
    on_kind, on_embedded = proofs[lab.id].kind.result(), proofs[lab.id].embedded.result()
    assert on_kind.faults == []
    assert on_embedded.faults == []
    different = {
        (entry, check): (status, on_embedded.statuses[entry][check])
        for entry, checks in on_kind.statuses.items()
        for check, status in checks.items()
        if status != on_embedded.statuses[entry][check]
        and "not_provable" not in (status, on_embedded.statuses[entry][check])
    }
    assert different == {}
    assert on_kind.not_provable == 0


def test_a_lab_with_nodes_of_its_own_is_among_them() -> None:
    assert {lab.number for lab in LABS} >= {"02", "04", "14"}
