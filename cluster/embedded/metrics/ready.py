"""Waiting until the API server has found the metrics APIs."""

from __future__ import annotations

import time

from cluster.api import Api
from cluster.embedded.metrics.answers import EXTERNAL, RESOURCE, VERSION
from cluster.errors import ClusterError

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def wait_available(api: Api, seconds: float = 20.0) -> None:
    """Return as soon as both groups are served; raises ClusterError if that takes too long.

    Until then discovery fails, and with it kubectl and the deletion of namespaces.
    """
    deadline = time.monotonic() + seconds
    waiting = [f"{VERSION}.{group}" for group in (RESOURCE, EXTERNAL)]
    while True:
        waiting = [name for name in waiting if not _available(api, name)]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"{' and '.join(waiting)} did not answer within {seconds:.0f} s.")
        time.sleep(0.02)


def _available(api: Api, name: str) -> bool:
    found = api.get(f"{SERVICES}/{name}") or {}
    conditions = found.get("status", {}).get("conditions") or []
    return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)
