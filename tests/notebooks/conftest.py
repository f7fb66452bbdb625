"""One embedded cluster for the notebooks of a module, in a home of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A fresh home for clusters; every cluster left in it is removed."""
    from cluster.embedded import EmbeddedProvider

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLK8S_HOME", str(tmp_path_factory.mktemp("home")))
        provider = EmbeddedProvider()
        try:
            yield
        finally:
            for name in provider.names():
                provider.delete(name)
