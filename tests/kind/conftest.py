"""One kind cluster for all end-to-end tests of a session, in a home of its own.

They need Docker or podman, and a node image at hand (`mlk8s bundle build`); else they are skipped,
and say why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kind import KindProvider
from cluster.model import ClusterSpec, ClusterStatus
from grader.grading.where import CLUSTER_NAME, all_servers

NAME = CLUSTER_NAME
"""As `mlk8s up` calls it; the engine's name for it follows from the home of the tests."""


@pytest.fixture(scope="session")
def default_kubeconfig() -> bytes | None:
    """What the user's own kubeconfig held before anything was done; None if there was none."""
    path = Path.home() / ".kube" / "config"
    return path.read_bytes() if path.exists() else None


@pytest.fixture(scope="session")
def provider(
    tmp_path_factory: pytest.TempPathFactory, default_kubeconfig: bytes | None
) -> Iterator[KindProvider]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLK8S_HOME", str(tmp_path_factory.mktemp("home")))
        kind = KindProvider()
        if reason := kind.available():
            pytest.skip(reason)
        if not kind.image_at_hand():
            pytest.skip("no node image is at hand: `mlk8s bundle build` makes one")
        try:
            yield kind
        finally:
            for name in kind.names():
                kind.delete(name)


@pytest.fixture(scope="session")
def running(provider: KindProvider) -> ClusterStatus:
    """A running cluster with the default nodes."""
    return provider.create(ClusterSpec(name=NAME, servers=all_servers()))
