"""Decisions of the simulated provisioner, and volumes made beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.embedded.storage import provisioner, volumes
from cluster.model import VolumeSpec


def claim(modes: tuple[str, ...] = ("ReadWriteOnce",), **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "cache",
            "namespace": "ns",
            "uid": "u-1",
            "annotations": {
                "volume.kubernetes.io/storage-provisioner": volumes.PROVISIONER,
                **annotations,
            },
        },
        "spec": {
            "accessModes": list(modes),
            "resources": {"requests": {"storage": "20Gi"}},
            "storageClassName": "standard",
        },
        "status": {"phase": "Pending"},
    }


def test_a_claim_of_our_class_gets_a_volume_on_the_chosen_node() -> None:
    asked = claim(**{"volume.kubernetes.io/selected-node": "cpu-worker-1"})
    assert provisioner.wanted(asked)
    assert provisioner.refusal(asked) == ""
    made = provisioner.volume(asked)
    assert made["metadata"]["name"] == "pvc-u-1"
    spec = made["spec"]
    assert spec["capacity"] == {"storage": "20Gi"}
    assert spec["claimRef"]["uid"] == "u-1"
    assert spec["persistentVolumeReclaimPolicy"] == "Delete"
    terms = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["cpu-worker-1"]


def test_no_node_no_affinity() -> None:
    assert "nodeAffinity" not in provisioner.volume(claim())["spec"]


@pytest.mark.parametrize(
    ("modes", "possible"),
    [
        (("ReadWriteOnce",), True),
        (("ReadWriteOncePod",), True),
        (("ReadWriteMany",), False),
        (("ReadWriteOnce", "ReadOnlyMany"), False),
    ],
)
def test_folders_of_one_node_cannot_be_shared(modes: tuple[str, ...], possible: bool) -> None:
    assert (provisioner.refusal(claim(modes)) == "") is possible


@pytest.mark.parametrize(
    "change",
    [
        {"status": {"phase": "Bound"}},
        {"spec": {**claim()["spec"], "volumeName": "x"}},
        {"metadata": {**claim()["metadata"], "annotations": {}}},
        {"metadata": {**claim()["metadata"], "deletionTimestamp": "t"}},
    ],
)
def test_other_claims_are_left_alone(change: dict[str, Any]) -> None:
    assert not provisioner.wanted({**claim(), **change})


class FakeApi:
    """Remembers what is written; lists what is given."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = items
        self.written: list[tuple[str, str]] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        return self._items

    def call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.written.append((method, body["metadata"]["name"]))
        return body

    def delete(self, path: str) -> bool:
        self.written.append(("DELETE", path.rsplit("/", 1)[1]))
        return True


def present(spec: VolumeSpec, phase: str = "Available") -> dict[str, Any]:
    return {**volumes.volume_object(spec), "status": {"phase": phase}}


def test_volumes_are_brought_in_line() -> None:
    kept = VolumeSpec(name="kept", capacity="1Gi")
    grown = VolumeSpec(name="grown", capacity="1Gi")
    there = [
        present(kept),
        present(grown),
        present(VolumeSpec(name="old", capacity="1Gi")),
        present(VolumeSpec(name="used", capacity="1Gi"), "Bound"),
    ]
    api: Any = FakeApi(there)
    new = VolumeSpec(name="new", capacity="1Gi")
    volumes.reconcile(api, (kept, grown.model_copy(update={"capacity": "2Gi"}), new))
    assert api.written == [
        ("POST", "standard"),
        ("DELETE", "grown"),
        ("DELETE", "old"),
        ("POST", "grown"),
        ("POST", "new"),
    ]


def test_the_default_class_waits_for_a_pod() -> None:
    made = volumes.storage_class()
    assert made["volumeBindingMode"] == "WaitForFirstConsumer"
    annotations = made["metadata"]["annotations"]
    assert annotations["storageclass.kubernetes.io/is-default-class"] == "true"
