"""The whole corpus of the labs that run on real containers: the verdicts must be those of embedded.

Everything is played at once as far as the labs allow: those that share a cluster on one kind
cluster, those with nodes of their own on two more, and all of it again on embedded clusters.
"""

from __future__ import annotations

import threading
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
from grader.verify.cases import corpus
from grader.verify.compare import Proof
from grader.verify.prove import prove

pytestmark = [pytest.mark.kind, pytest.mark.proof, pytest.mark.slow]

LABS = [lab for lab in all_labs() if "kind" in lab.file.clusters]
SHARING = [lab for lab in LABS if lab.file.isolation == "namespace"]
SHARED_AT_ONCE, CLUSTERS = 6, 2


@dataclass
class Proofs:
    """Both proofs of one lab, in the making."""

    kind: Future[Proof]
    embedded: Future[Proof]


@pytest.fixture(scope="module")
def proofs(running: ClusterStatus) -> Iterator[dict[str, Proofs]]:
    """All proofs, those of labs with clusters of their own first.

    The others begin once such a lab has played its first entry: nodes that start take all that a
    small machine has, and real clusters that starve prove little.
    """
    assert running.name == CLUSTER_NAME
    made = threading.Event()
    try:
        with (
            Player("kind", CLUSTERS, at_once=SHARED_AT_ONCE * len(SHARING)) as kind,
            Player("embedded") as embedded,
            ThreadPoolExecutor(len(LABS)) as workers,
            # One after the other, which takes two minutes a lab.
            ThreadPoolExecutor(1) as after,
        ):
            found = {
                lab.id: workers.submit(prove, lab, kind, CLUSTERS, lambda *_: made.set())
                for lab in LABS
                if lab not in SHARING
            }
            for future in found.values():
                future.add_done_callback(lambda _: made.set())  # also where it has failed
            assert not found or made.wait(900)
            found |= {lab.id: workers.submit(prove, lab, kind, SHARED_AT_ONCE) for lab in SHARING}
            yield {
                lab.id: Proofs(found[lab.id], after.submit(prove, lab, embedded, 2)) for lab in LABS
            }
    finally:
        EmbeddedProvider().delete(CLUSTER_NAME)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_verdicts_on_real_containers_are_those_of_embedded(
    lab: Lab, proofs: dict[str, Proofs]
) -> None:
    """Both stand, so starter, solution, mistakes and variants have the verdicts that they must;
    and entry by entry each check has the same status, unless one cluster cannot prove it, or the
    case says that no simulation shows it."""
    on_kind, on_embedded = proofs[lab.id].kind.result(), proofs[lab.id].embedded.result()
    assert on_kind.faults == []
    assert on_embedded.faults == []
    real_only = {case.name: case.file.real_only for case in corpus(lab)}
    different = {
        (entry, check): (status, on_embedded.statuses[entry][check])
        for entry, checks in on_kind.statuses.items()
        for check, status in checks.items()
        if status != on_embedded.statuses[entry][check]
        and check not in real_only.get(entry, ())
        and "not_provable" not in (status, on_embedded.statuses[entry][check])
    }
    assert different == {}
    assert on_kind.not_provable == 0


def test_a_lab_with_nodes_of_its_own_is_among_them() -> None:
    assert {lab.number for lab in LABS} >= {"02", "04", "14"}
