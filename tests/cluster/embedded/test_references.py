"""Pods that wait for ConfigMaps, Secrets and claims."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cluster.embedded.kubelet.references import Ref

from .life import Json, Life, manifest

CONFIG = Ref("ConfigMap", "conf")
SECRET = Ref("Secret", "token")
CLAIM = Ref("PersistentVolumeClaim", "cache")
BOUND: Json = {"status": {"phase": "Bound"}}

SETUP = 'MountVolume.SetUp failed for volume "v" : '
ATTACH = (
    "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
    "failed to process volumes=[v]: error processing PVC ns/cache: "
)


@pytest.mark.parametrize(
    ("volume", "message", "ref", "found"),
    [
        ({"configMap": {"name": "conf"}}, f'{SETUP}configmap "conf" not found', CONFIG, {}),
        (
            {"configMap": {"name": "conf", "items": [{"key": "a", "path": "a"}]}},
            f'{SETUP}configmap "conf" not found',
            CONFIG,
            {"data": {"a": ""}},
        ),
        ({"secret": {"secretName": "token"}}, f'{SETUP}secret "token" not found', SECRET, {}),
        (
            {"projected": {"sources": [{"secret": {"name": "token"}}]}},
            f'{SETUP}secret "token" not found',
            SECRET,
            {},
        ),
        (
            {"persistentVolumeClaim": {"claimName": "cache"}},
            f"{ATTACH}failed to fetch PVC from API server: "
            'persistentvolumeclaims "cache" not found',
            CLAIM,
            BOUND,
        ),
    ],
)
def test_a_volume_waits_for_its_object(volume: Json, message: str, ref: Ref, found: Json) -> None:
    life = Life(manifest(volumes=[{"name": "v", **volume}])).until(60)
    assert life.status["phase"] == "Pending"
    assert life.container()["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert {text for _, text in life.said("FailedMount")} == {message}
    assert not life.said("Pulling")
    tries = [at for at, _ in life.said("FailedMount")]
    assert tries[:5] == [0, 0.5, 1.5, 3.5, 7.5]
    life.objects[ref] = found
    assert life.until(60 + 16 + 2.5).ready_since() is not None
    assert life.status["phase"] == "Running"


def test_a_key_that_is_not_there() -> None:
    volume = {"name": "v", "configMap": {"name": "conf", "items": [{"key": "a", "path": "a"}]}}
    life = Life(manifest(volumes=[volume]), objects={CONFIG: {"data": {"b": ""}}}).until(10)
    said = {text for _, text in life.said("FailedMount")}
    assert said == {f"{SETUP}configmap references non-existent config key: a"}


def test_a_claim_must_be_bound() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "cache"}}
    life = Life(manifest(volumes=[volume]), objects={CLAIM: {"status": {"phase": "Pending"}}})
    assert life.until(10).said("FailedMount")[0][1] == f"{ATTACH}PVC is not bound"


@pytest.mark.parametrize(
    "volume",
    [
        {"emptyDir": {}},
        {"hostPath": {"path": "/x", "type": "Directory"}},
        {"configMap": {"name": "conf", "optional": True}},
        {"secret": {"secretName": "token", "optional": True}},
        {"downwardAPI": {"items": []}},
        {"projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
    ],
)
def test_what_needs_nothing_waits_for_nothing(volume: Json) -> None:
    life = Life(manifest(volumes=[{"name": "v", **volume}])).until(3)
    assert life.ready_since() == 2.5


def variable(**source: Any) -> Json:
    return {"env": [{"name": "X", "valueFrom": source}]}


@pytest.mark.parametrize(
    ("container", "message", "ref", "found"),
    [
        (
            variable(configMapKeyRef={"name": "conf", "key": "a"}),
            'configmap "conf" not found',
            CONFIG,
            {"data": {"a": "1"}},
        ),
        (
            {"envFrom": [{"configMapRef": {"name": "conf"}}]},
            'configmap "conf" not found',
            CONFIG,
            {"data": {"a": "1"}},
        ),
        (
            variable(secretKeyRef={"name": "token", "key": "a"}),
            'secret "token" not found',
            SECRET,
            {"data": {"a": base64.b64encode(b"1").decode()}},
        ),
    ],
)
def test_a_container_waits_for_its_environment(
    container: Json, message: str, ref: Ref, found: Json
) -> None:
    life = Life(manifest(container)).until(60)
    assert life.status["phase"] == "Pending"
    waiting = life.container()["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": message}
    assert {text for _, text in life.said("Failed")} == {f"Error: {message}"}
    assert life.said("Pulled")
    life.objects[ref] = found
    assert life.until(80).ready_since() is not None
    assert "1" in life.pod.main[0].variables.values()


def test_a_missing_key_of_a_config_map_names_it() -> None:
    pod = manifest(variable(configMapKeyRef={"name": "conf", "key": "a"}))
    life = Life(pod, objects={CONFIG: {"data": {}}}).until(10)
    message = life.container()["state"]["waiting"]["message"]
    assert message == "couldn't find key a in ConfigMap ns/conf"


def test_optional_sources_may_be_missing() -> None:
    entry = {"name": "conf", "key": "a", "optional": True}
    container = {
        **variable(configMapKeyRef=entry),
        "envFrom": [{"secretRef": {"name": "token", "optional": True}, "prefix": "S_"}],
    }
    life = Life(manifest(container)).until(3)
    assert life.ready_since() == 2.5
    assert life.pod.main[0].variables == {}


def test_what_comes_from_elsewhere_is_not_expanded() -> None:
    env = [
        {"name": "A", "value": "a"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "C", "value": "$(B)"},
    ]
    pod = manifest({"env": env})
    pod["metadata"]["labels"] = {"app": "$(A)"}
    life = Life(pod).until(3)
    assert life.pod.main[0].variables == {"A": "a", "B": "$(A)", "C": "$(A)"}


def test_the_downward_api() -> None:
    fields = {
        "NAME": "metadata.name",
        "APP": "metadata.labels['app']",
        "NODE": "spec.nodeName",
        "NONE": "metadata.annotations['x']",
    }
    env = [{"name": k, "valueFrom": {"fieldRef": {"fieldPath": v}}} for k, v in fields.items()]
    env.append({"name": "BOTH", "value": "$(NAME)/$(APP)/$(OTHER)"})
    pod = manifest({"env": env}, nodeName="n1")
    pod["metadata"]["labels"] = {"app": "web"}
    life = Life(pod).until(3)
    assert life.pod.main[0].variables == {
        "NAME": "p",
        "APP": "web",
        "NODE": "n1",
        "NONE": "",
        "BOTH": "p/web/$(OTHER)",
    }
