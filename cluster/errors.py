"""Errors of the cluster layer. Each message is one sentence that a user can act on.

ClusterError
├── CannotProvide     this machine cannot run that provider (no Docker, no Go and no network, ...)
├── ToolUnavailable   a binary could neither be found, downloaded nor built
├── ClusterDown       the cluster that was asked for is not running or does not answer
├── ClusterBusy       another process is creating or deleting the same cluster
└── Unsupported       this kind of cluster has no such thing (simulated load on real containers)
"""

from __future__ import annotations


class ClusterError(Exception):
    """Base. `hint` is the command or step that mends it, or empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CannotProvide(ClusterError):
    """This machine cannot run that provider."""


class ToolUnavailable(ClusterError):
    """A binary could neither be found, downloaded nor built."""


class ClusterDown(ClusterError):
    """The cluster is not running or does not answer."""


class ClusterBusy(ClusterError):
    """Another process is creating or deleting the same cluster."""


class Unsupported(ClusterError):
    """This kind of cluster has no such thing."""
