"""Images made of Debian packages and Go modules, for machines that reach no container registry."""

from __future__ import annotations

from cluster.bundle.source.builder import build, unavailable

__all__ = ["build", "unavailable"]
