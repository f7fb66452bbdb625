"""The programs that clusters are made of, at pinned versions."""

from __future__ import annotations

from cluster.binaries.resolve import build_seconds, ensure, find, missing

__all__ = ["build_seconds", "ensure", "find", "missing"]
