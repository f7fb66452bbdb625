"""A session on the shared embedded cluster, which knows the images of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus
from grader.observe.session import Session
from tests.integration.observe.workload import SERVER


@pytest.fixture(scope="session")
def observed_cluster(embedded_cluster: ClusterStatus) -> ClusterStatus:
    EmbeddedProvider().teach(embedded_cluster.name, (SERVER,))
    return embedded_cluster


@pytest.fixture
def session(observed_cluster: ClusterStatus) -> Iterator[Session]:
    with Session(observed_cluster) as session:
        yield session
