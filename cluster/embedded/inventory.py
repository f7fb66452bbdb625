"""What is in a cluster, so that one that was used can be proven to be as new before its next use.

Starting a control plane costs seconds of two cores; emptying one costs a fraction. A lab that asks
for a cluster of its own must not be able to tell the difference, so a cluster is given out again
only if every object of every kind that the API server serves is what it was when it was fresh.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from cluster.api import Api, ApiError
from cluster.embedded import nodes
from cluster.errors import ClusterError

Json = dict[str, Any]
Inventory = dict[str, str]
"""URL path of an object -> digest of what was written into it."""

_PASSING = frozenset({"events", "leases", "componentstatuses", "endpoints", "endpointslices"})
"""Kinds that the cluster itself keeps changing; events are removed, the others have no memory."""
_COMPUTED = frozenset({"metrics.k8s.io", "external.metrics.k8s.io", "custom.metrics.k8s.io"})
_MOVING = ("resourceVersion", "managedFields", "uid", "creationTimestamp", "generation")
_PATIENCE = 6.0


def take(api: Api) -> Inventory:
    """Every object that is there. Raises ClusterError where the API server does not answer."""
    found: Inventory = {}
    for path in _collections(api):
        for item in api.items(path):
            metadata = item["metadata"]
            place = f"{metadata.get('namespace', '')}/{metadata['name']}"
            found[f"{path} {place}"] = _digest(item)
    return found


def restore(api: Api, fresh: Inventory) -> bool:
    """Remove what is not in `fresh`; True if the cluster then is as it was, Nodes aside.

    Nodes are all removed: whoever gets the cluster next has them made anew. A namespace that was
    left behind, or an object of the fresh cluster that was changed, cannot be mended: False.
    """
    if any(not _is_as_fresh(key, digest, fresh) for key, digest in take(api).items()):
        return False
    deadline = time.monotonic() + _PATIENCE
    while True:
        extra = [key for key in take(api) if key not in fresh or _is_node(key)]
        if not extra:
            break
        if time.monotonic() > deadline:
            return False
        for key in extra:
            _remove(api, key)
        time.sleep(0.05)
    for namespace in ("default", "kube-system"):
        api.call("DELETE", f"/api/v1/namespaces/{namespace}/events")
    left = take(api)
    return left == {key: digest for key, digest in fresh.items() if not _is_node(key)}


def _is_as_fresh(key: str, digest: str, fresh: Inventory) -> bool:
    if _is_node(key):
        return True
    if key not in fresh:
        return not key.startswith("/api/v1/namespaces ")
    return fresh[key] == digest


def _is_node(key: str) -> bool:
    return key.startswith(f"{nodes.NODES} ")


def _remove(api: Api, key: str) -> None:
    collection, _, place = key.partition(" ")
    namespace, name = place.split("/", 1)
    if namespace:
        head, _, resource = collection.rpartition("/")
        collection = f"{head}/namespaces/{namespace}/{resource}"
    try:
        api.call("DELETE", f"{collection}/{name}?gracePeriodSeconds=0")
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _collections(api: Api) -> list[str]:
    """Paths of everything that can be listed, each kind at its preferred version."""
    groups = api.call("GET", "/apis").get("groups") or []
    roots = ["/api/v1"]
    roots += [
        f"/apis/{group['preferredVersion']['groupVersion']}"
        for group in groups
        if group["name"] not in _COMPUTED
    ]
    return [f"{root}/{name}" for root in roots for name in _listable(api, root)]


def _listable(api: Api, root: str) -> list[str]:
    answer = api.get(root)
    if answer is None:
        # A group whose definition was removed this moment.
        raise ClusterError(f"The API server lists {root} and does not serve it.")
    return [
        resource["name"]
        for resource in answer.get("resources") or []
        if "list" in resource.get("verbs", ())
        and "/" not in resource["name"]
        and resource["name"] not in _PASSING
    ]


def _digest(item: Json) -> str:
    written = {key: value for key, value in item.items() if key != "status"}
    written["metadata"] = {k: v for k, v in item["metadata"].items() if k not in _MOVING}
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:20]
