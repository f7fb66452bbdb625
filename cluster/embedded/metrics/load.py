"""The load on one namespace, kept in the cluster: request rates of Services, values of queues.

Each namespace has a ConfigMap of its own in kube-system, where no submission can write, owned by
the Namespace so that it disappears with it. The simulated kubelet watches them and notes what it
has taken in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cluster.api import Api, ApiError
from cluster.embedded import simulation
from cluster.errors import ClusterError

Json = dict[str, Any]

LABEL = "sim.mlk8s.dev/load"
"""Label: the namespace whose load this is."""
WATCHED = f"{simulation.COLLECTION}?labelSelector={LABEL.replace('/', '%2F')}"
_DATA = "load.json"


class Queue(BaseModel):
    """One external metric: what a queue's own monitoring would report."""

    model_config = ConfigDict(frozen=True)
    metric: str = Field(pattern=r"^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$")
    labels: dict[str, str] = Field(default_factory=dict)
    value: float = Field(ge=0)


class Load(BaseModel):
    """Requests a second by Service, and queues."""

    model_config = ConfigDict(frozen=True)
    services: dict[str, float] = Field(default_factory=dict)
    queues: tuple[Queue, ...] = ()

    def with_rate(self, service: str, rate: float) -> Load:
        """The same with another rate for one Service; 0 forgets it."""
        others = {name: old for name, old in self.services.items() if name != service}
        services = {**others, service: rate} if rate > 0 else others
        return self.model_copy(update={"services": services})

    def with_queue(self, queue: Queue) -> Load:
        """The same with another value for the queue of this metric and these labels."""
        same = (queue.metric, queue.labels)
        others = tuple(old for old in self.queues if (old.metric, old.labels) != same)
        return self.model_copy(update={"queues": (*others, queue)})


def encode(load: Load) -> dict[str, str]:
    """The ConfigMap's data."""
    return {_DATA: load.model_dump_json()}


def decode(data: Mapping[str, str]) -> Load:
    """The opposite of `encode`. Raises ValueError."""
    return Load.model_validate_json(data.get(_DATA) or "{}")


def put_rate(api: Api, namespace: str, service: str, rate: float) -> None:
    """Put requests on a Service, and wait until they arrive."""
    _change(api, namespace, lambda load: load.with_rate(service, rate))


def put_queue(api: Api, namespace: str, queue: Queue) -> None:
    """Set a queue's value, and wait until it is served."""
    _change(api, namespace, lambda load: load.with_queue(queue))


def _change(api: Api, namespace: str, change: Callable[[Load], Load]) -> None:
    """Read, change, write; again if another process wrote in between."""
    path = f"{simulation.COLLECTION}/mlk8s-load.{namespace}"
    while True:
        current = api.get(path)
        manifest = current or _fresh(api, namespace)
        manifest["data"] = encode(change(decode(manifest.get("data") or {})))
        try:
            if current is None:
                api.call("POST", simulation.COLLECTION, manifest)
            else:
                api.call("PUT", path, manifest)
            break
        except ApiError as error:
            if error.status != 409:
                raise
    simulation.wait_observed(api, path=path)


def _fresh(api: Api, namespace: str) -> Json:
    owner = api.get(f"/api/v1/namespaces/{namespace}")
    if owner is None:
        raise ClusterError(f"There is no namespace {namespace}.")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"mlk8s-load.{namespace}",
            "namespace": simulation.NAMESPACE,
            "labels": {LABEL: namespace},
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "name": namespace,
                    "uid": owner["metadata"]["uid"],
                }
            ],
        },
    }
