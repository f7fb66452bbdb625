"""The StorageClass and the PersistentVolumes that a cluster has from the beginning."""

from __future__ import annotations

from typing import Any

from cluster.api import Api, ApiError
from cluster.model import VolumeSpec

Json = dict[str, Any]

CLASS = "standard"
PROVISIONER = "sim.mlk8s.dev/local-path"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"
OWNED = "sim.mlk8s.dev/volume"
"""Label of the volumes made beforehand."""
FOLDER = "/var/simulated-volumes"


def storage_class() -> Json:
    """The default class, bound when a Pod needs it, as kind has it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def volume_object(spec: VolumeSpec) -> Json:
    """A PersistentVolume that every node reaches."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": spec.name, "labels": {**spec.labels, OWNED: "true"}},
        "spec": {
            "capacity": {"storage": spec.capacity},
            "accessModes": list(spec.access_modes),
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": spec.storage_class,
            "hostPath": {"path": f"{FOLDER}/{spec.name}"},
        },
    }


def reconcile(api: Api, wanted: tuple[VolumeSpec, ...]) -> None:
    """Make the class and missing volumes; remove our own volumes that nobody wants or claims."""
    try:
        api.call("POST", CLASSES, storage_class())
    except ApiError as error:
        if error.status != 409:
            raise
    selected = f"{VOLUMES}?labelSelector={OWNED.replace('/', '%2F')}"
    present = {item["metadata"]["name"]: item for item in api.items(selected)}
    manifests = {spec.name: volume_object(spec) for spec in wanted}
    for name, item in present.items():
        claimed = item.get("status", {}).get("phase") in ("Bound", "Released")
        if not claimed and not _same(item, manifests.get(name)):
            api.delete(f"{VOLUMES}/{name}")
            present = {**present, name: {}}
    for name, manifest in manifests.items():
        if not present.get(name):
            api.call("POST", VOLUMES, manifest)


def _same(item: Json, manifest: Json | None) -> bool:
    if manifest is None:
        return False
    fields = ("capacity", "accessModes", "storageClassName")
    same = all(item["spec"].get(field) == manifest["spec"][field] for field in fields)
    return same and item["metadata"].get("labels") == manifest["metadata"]["labels"]
