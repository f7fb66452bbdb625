"""Clusters of real containers with kind, on Docker or podman."""

from __future__ import annotations

from cluster.kind.provider import KindProvider

__all__ = ["KindProvider"]
