"""Custom resource definitions that a lab needs, on the cluster before its run begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from cluster.crds.catalog import CRD_SETS, CrdSetName
from cluster.crds.fetch import ensure
from cluster.errors import ClusterError
from cluster.model import ClusterStatus
from grader.errors import MachineError
from grader.observe.client import APPLY, Api
from grader.observe.kinds import KNOWN, Kinds

Json = dict[str, Any]

_MANAGER = "mlk8s"
_PATIENCE = 30.0
_OURS = ("embedded", "kind")
"""Providers whose clusters are the grader's own, where it may add definitions."""


def define(api: Api, kinds: Kinds, cluster: ClusterStatus, names: Sequence[CrdSetName]) -> None:
    """Add the definitions of these sets and wait until they are served.

    A cluster that somebody named by its context is never given any: then, and where the files
    cannot be had, MachineError says what to do.
    """
    for name in names:
        try:
            definitions = ensure([name])
        except ClusterError as error:
            raise MachineError(str(error), error.hint) from error
        if cluster.provider in _OURS:
            # Also where they are served already: an older release may have put them there.
            for one in definitions:
                _apply(api, one)
            for one in definitions:
                _await(api, one)
        elif not all(_is_served(api, one) for one in definitions):
            crds = CRD_SETS[name]
            raise MachineError(
                f"The cluster {cluster.name} does not have the custom resources of {crds.title}, "
                "which this lab needs.",
                f"Add them: {crds.installed_by}",
            )
    kinds.forget()


def _apply(api: Api, definition: Json) -> None:
    name = definition["metadata"]["name"]
    path = KNOWN["CustomResourceDefinition"].path(name=name)
    # Server-side apply is one request whether it exists or not, also for several runs at once.
    query = {"fieldManager": _MANAGER, "force": "true"}
    said = api.call("PATCH", path, definition, query=query, content=APPLY)
    if not said.ok:
        raise MachineError(f"The API server refused the definition {name}: {said.message}")


def _await(api: Api, definition: Json) -> None:
    until = time.monotonic() + _PATIENCE
    while not _is_served(api, definition):
        if time.monotonic() > until:
            name = definition["metadata"]["name"]
            raise MachineError(f"The cluster does not serve {name} after {_PATIENCE:.0f} seconds.")
        time.sleep(0.05)


def _is_served(api: Api, definition: Json) -> bool:
    """Established, and the API server lists objects of each version that it is to serve."""
    path = KNOWN["CustomResourceDefinition"].path(name=definition["metadata"]["name"])
    found = api.get(path)
    if not found.ok:
        return False
    status = found.body.get("status") or {}
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
    if conditions.get("Established") != "True":
        return False
    spec = definition["spec"]
    group, plural = spec["group"], spec["names"]["plural"]
    served = [version["name"] for version in spec["versions"] if version.get("served")]
    return all(
        _is_discovered(api, f"/apis/{group}/{version}", plural)
        and api.get(f"/apis/{group}/{version}/{plural}", limit="1").ok
        for version in served
    )


def _is_discovered(api: Api, root: str, plural: str) -> bool:
    resources = api.get(root).body.get("resources") or []
    return any(entry.get("name") == plural for entry in resources)
