"""One embedded cluster for all integration tests of a session, in a home of its own.

The programs come from the usual cache, so that only the first run on a machine has to fetch them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterSpec, ClusterStatus


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for clusters that no other process uses; every cluster left in it is removed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLK8S_HOME", str(tmp_path_factory.mktemp("home")))
        provider = EmbeddedProvider()
        try:
            yield
        finally:
            for name in provider.names():
                provider.delete(name)


@pytest.fixture(scope="session")
def embedded_cluster(embedded_home: None) -> ClusterStatus:
    """A running embedded cluster with the default nodes; teach it the servers that you need."""
    return EmbeddedProvider().create(ClusterSpec(name="integration"))
