"""Volumes that a lab gives: made anew for each run, and kept for one claim of that run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grader.model.lab import LabVolume

Json = dict[str, Any]

FOLDER = "/var/mlk8s-volumes"


def real_name(volume: LabVolume, run: str) -> str:
    """What the volume is called on the cluster: PersistentVolumes are in no namespace."""
    return f"{volume.name}-{run}"


def claim_to_real(obj: Json, volumes: Sequence[LabVolume], run: str) -> Json:
    """A claim that asks for one of the lab's volumes by name, with the name that it has here.

    Everything else is returned as it is.
    """
    spec = obj.get("spec")
    if obj.get("kind") != "PersistentVolumeClaim" or not isinstance(spec, dict):
        return obj
    for volume in volumes:
        if spec.get("volumeName") == volume.name:
            return {**obj, "spec": {**spec, "volumeName": real_name(volume, run)}}
    return obj


def volume_object(volume: LabVolume, run: str, namespace: str, labels: dict[str, str]) -> Json:
    """The PersistentVolume for the claim of one run; `namespace` is the claim's real one.

    Bound beforehand by `claimRef`: on a cluster that many runs share, a claim would otherwise take
    any volume that fits, that of another run too.
    """
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": namespace,
        "name": volume.claim,
    }
    name = real_name(volume, run)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {**volume.labels, **labels}},
        "spec": {
            "capacity": {"storage": volume.capacity},
            "accessModes": list(volume.access_modes),
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": volume.storage_class,
            "claimRef": claim,
            "hostPath": {"path": f"{FOLDER}/{name}", "type": "DirectoryOrCreate"},
        },
    }
