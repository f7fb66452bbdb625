"""The embedded provider: a real control plane without Docker, with simulated nodes."""

from cluster.embedded.pool import ClusterPool, fresh
from cluster.embedded.provider import EmbeddedProvider

__all__ = ["ClusterPool", "EmbeddedProvider", "fresh"]
