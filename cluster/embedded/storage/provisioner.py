"""A simulated provisioner: makes a volume for a claim of our class, and takes it back again."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from cluster.embedded.kubelet.client import MERGE, Client, Refused
from cluster.embedded.kubelet.events import rfc3339_micro
from cluster.embedded.kubelet.watching import TROUBLE, follow
from cluster.embedded.storage.volumes import FOLDER, OWNED, PROVISIONER, VOLUMES

Json = dict[str, Any]

log = logging.getLogger(__name__)

CLAIMS = "/api/v1/persistentvolumeclaims?labelSelector="
BY = "pv.kubernetes.io/provisioned-by"
ASKED = "volume.kubernetes.io/storage-provisioner"
NODE = "volume.kubernetes.io/selected-node"
ONE_NODE = ("ReadWriteOnce", "ReadWriteOncePod")
REFUSAL = (
    f"{PROVISIONER} only supports ReadWriteOnce and ReadWriteOncePod: its volumes are folders of "
    "one node"
)


def wanted(claim: Json) -> bool:
    """Whether a claim waits for a volume of ours."""
    annotations = claim["metadata"].get("annotations") or {}
    pending = (claim.get("status") or {}).get("phase") == "Pending"
    free = not claim["spec"].get("volumeName") and "deletionTimestamp" not in claim["metadata"]
    return pending and free and annotations.get(ASKED) == PROVISIONER


def refusal(claim: Json) -> str:
    """Why no volume can be made for a claim; empty where one can."""
    modes = claim["spec"].get("accessModes") or []
    return "" if all(mode in ONE_NODE for mode in modes) else REFUSAL


def volume(claim: Json) -> Json:
    """The PersistentVolume for a claim."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    node = (metadata.get("annotations") or {}).get(NODE)
    made: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec.get("storageClassName"),
            "volumeMode": spec.get("volumeMode") or "Filesystem",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion"),
            },
            "hostPath": {
                "path": f"{FOLDER}/{name}_{metadata['namespace']}_{metadata['name']}",
                "type": "DirectoryOrCreate",
            },
        },
    }
    if node:
        made["spec"]["nodeAffinity"] = _on(node)
    return made


def _on(node: str) -> Json:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}


def event(claim: Json, type_: str, reason: str, message: str) -> Json:
    """An event about a claim."""
    metadata, at = claim["metadata"], rfc3339_micro()
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": type_,
        "reason": reason,
        "message": message,
        "source": {"component": PROVISIONER},
        "firstTimestamp": f"{at[:19]}Z",
        "lastTimestamp": f"{at[:19]}Z",
        "count": 1,
    }


class Provisioner:
    """Follows claims and volumes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._dealt_with: set[str] = set()

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(follow(self._client, CLAIMS, self._on_claim, self._on_claims))
            volumes = f"{VOLUMES}?labelSelector="
            group.create_task(follow(self._client, volumes, self._on_volume, self._on_volumes))

    async def _on_claims(self, items: list[Json]) -> None:
        for item in items:
            await self._on_claim("ADDED", item)

    async def _on_volumes(self, items: list[Json]) -> None:
        for item in items:
            await self._on_volume("ADDED", item)

    async def _on_claim(self, kind: str, claim: Json) -> None:
        uid = claim["metadata"]["uid"]
        if kind == "DELETED":
            self._dealt_with.discard(uid)
        elif wanted(claim) and uid not in self._dealt_with:
            self._dealt_with.add(uid)
            try:
                await self._provision(claim)
            except TROUBLE:
                self._dealt_with.discard(uid)
                raise
            except Refused as refused:
                log.info("claim %s: %s", claim["metadata"]["name"], refused)

    async def _provision(self, claim: Json) -> None:
        if why := refusal(claim):
            words = f'failed to provision volume with StorageClass "{_class(claim)}": {why}'
            await self._say(claim, "Warning", "ProvisioningFailed", words)
            return
        made = volume(claim)
        await self._client.call("POST", VOLUMES, made)
        words = f"Successfully provisioned volume {made['metadata']['name']}"
        await self._say(claim, "Normal", "ProvisioningSucceeded", words)

    async def _say(self, claim: Json, type_: str, reason: str, message: str) -> None:
        path = f"/api/v1/namespaces/{claim['metadata']['namespace']}/events"
        await self._client.call("POST", path, event(claim, type_, reason, message))

    async def _on_volume(self, kind: str, found: Json) -> None:
        """Take back what a deleted claim has left."""
        metadata = found["metadata"]
        if kind == "DELETED" or (found.get("status") or {}).get("phase") != "Released":
            return
        path = f"{VOLUMES}/{metadata['name']}"
        try:
            if (metadata.get("annotations") or {}).get(BY) == PROVISIONER:
                if found["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
                    await self._client.call("DELETE", path)
            elif OWNED in (metadata.get("labels") or {}):
                await self._client.call("PATCH", path, {"spec": {"claimRef": None}}, MERGE)
        except Refused as refused:
            log.info("volume %s: %s", metadata["name"], refused)


def _class(claim: Json) -> str:
    return str(claim["spec"].get("storageClassName") or "")
