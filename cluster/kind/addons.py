"""What a kind cluster gets besides: metrics-server, where its image is at hand."""

from __future__ import annotations

from pathlib import Path

from cluster.bundle.source.lab import METRICS
from cluster.bundle.store import Store
from cluster.kind.engine import Container, Engine

MANIFEST = Path(__file__).resolve().parent / "files" / "metrics-server.yaml"


def install_metrics(engine: Engine, nodes: list[Container]) -> bool:
    """Start metrics-server if nodes have its image; True if it is (or was already) there.

    It takes half a minute until it knows its first figures; nothing waits for that here.
    """
    control = [node.name for node in nodes if node.role == "control-plane"]
    if not control or Store().find("image", METRICS) is None:
        return False
    command = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "apply", "-f", "-")
    engine.run("exec", "--interactive", control[0], *command, stdin=MANIFEST, seconds=60)
    return True
