"""What the simulated kubelet knows, kept in the cluster itself.

A ConfigMap in kube-system holds the server models and the time factor; the kubelet watches it and
answers with the version that it has taken in. So `teach` works on a live cluster, from any process.

Labs may describe one image differently. So a namespace can bring servers of its own, in an
annotation: of the images that they name nothing else holds there, and two labs at once on one
cluster do not meet.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from cluster.api import Api, ApiError
from cluster.errors import ClusterError
from cluster.model import ServerModel

Json = dict[str, Any]

NAMESPACE = "kube-system"
NAME = "mlk8s-simulation"
COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
PATH = f"{COLLECTION}/{NAME}"
OBSERVED = "sim.mlk8s.dev/observed"
"""Annotation: a digest of the data that the kubelet has taken in."""

OWN = "mlk8s.dev/servers"
"""Annotation of a Namespace, set when it is made: the server models that hold there, as JSON."""


def merged(known: tuple[ServerModel, ...], new: tuple[ServerModel, ...]) -> tuple[ServerModel, ...]:
    """The known servers with those of the same image replaced by the new ones."""
    images = {server.image for server in new}
    return tuple(server for server in known if server.image not in images) + new


def encode_servers(servers: tuple[ServerModel, ...]) -> str:
    """Server models as JSON."""
    return json.dumps([server.model_dump(mode="json") for server in servers])


def decode_servers(text: str) -> tuple[ServerModel, ...]:
    """The opposite of `encode_servers`. Raises ValueError."""
    return tuple(ServerModel.model_validate(server) for server in json.loads(text))


def encode(servers: tuple[ServerModel, ...], time_factor: float) -> dict[str, str]:
    """The ConfigMap's data."""
    return {"servers.json": encode_servers(servers), "timeFactor": repr(time_factor)}


def decode(data: dict[str, str]) -> tuple[tuple[ServerModel, ...], float]:
    """Servers and time factor from the ConfigMap's data; the opposite of `encode`."""
    factor = float(data.get("timeFactor") or 1.0)
    return decode_servers(data.get("servers.json") or "[]"), factor


def digest(data: dict[str, str]) -> str:
    """A short name for this very data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def store(api: Api, servers: tuple[ServerModel, ...], time_factor: float) -> None:
    """Write servers and time factor, keeping servers of other images that are there already."""
    _change(api, servers, time_factor)


def teach(api: Api, servers: tuple[ServerModel, ...]) -> None:
    """Add servers to those known, with the time factor as it is."""
    _change(api, servers, None)


def _change(api: Api, servers: tuple[ServerModel, ...], time_factor: float | None) -> None:
    """Read, merge, write; again if another process wrote in between."""
    while True:
        current = api.get(PATH)
        if current is None and time_factor is None:
            raise ClusterError("This cluster does not simulate servers.")
        known, factor = decode((current or {}).get("data") or {})
        data = encode(merged(known, servers), factor if time_factor is None else time_factor)
        if current is not None and current.get("data") == data:
            return
        manifest: Json = current or {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
        }
        manifest["data"] = data
        try:
            # The object carries its resourceVersion, so that no other writer's change is lost.
            if current is None:
                api.call("POST", COLLECTION, manifest)
            else:
                api.call("PUT", PATH, manifest)
            return
        except ApiError as error:
            if error.status != 409:
                raise


def wait_observed(api: Api, seconds: float = 20.0, path: str = PATH) -> None:
    """Wait until the simulated kubelet has taken in what is stored; raises ClusterError if not."""
    deadline = time.monotonic() + seconds
    while True:
        current = api.get(path) or {}
        seen = (current.get("metadata", {}).get("annotations") or {}).get(OBSERVED)
        if seen == digest(current.get("data") or {}):
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"The simulated kubelet did not answer within {seconds:.0f} s.")
        time.sleep(0.02)
