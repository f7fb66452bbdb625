"""The API server's defaults for a Pod spec: see `grader.model.defaults`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grader.model.images import DEFAULT_TAG, ImageRef

Object = dict[str, Any]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_FILE_MODE = 0o644
_SOURCES_WITH_MODE = ("configMap", "secret", "downwardAPI", "projected")


def fill(target: Object, **defaults: Any) -> None:
    """Set each key that is absent or null."""
    for key, value in defaults.items():
        if target.get(key) is None:
            target[key] = value


def mapping(parent: Object | None, key: str, *, create: bool = False) -> Object | None:
    """The mapping under `key`; a new empty one with `create`; None where something else stands."""
    if parent is None:
        return None
    value = parent.get(key)
    if value is None and create:
        value = parent[key] = {}
    return value if isinstance(value, dict) else None


def dicts(items: Any) -> Iterator[Object]:
    """The mappings of a list; nothing where it is no list."""
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def default_pod_spec(spec: Object) -> None:
    """What the API server fills into every Pod spec, also in the templates of workloads."""
    fill(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
    )
    mapping(spec, "securityContext", create=True)
    if spec.get("serviceAccountName"):
        fill(spec, serviceAccount=spec["serviceAccountName"])
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in (*dicts(spec.get("containers")), *dicts(spec.get("initContainers"))):
        _container(container)
    for volume in dicts(spec.get("volumes")):
        _volume(volume)


def default_pod_only(spec: Object) -> None:
    """What appears in a Pod but not in a template: see `grader.model.defaults`."""
    fill(spec, enableServiceLinks=True, serviceAccountName="default")
    fill(spec, serviceAccount=spec["serviceAccountName"])
    for container in (*dicts(spec.get("containers")), *dicts(spec.get("initContainers"))):
        resources = mapping(container, "resources")
        limits = mapping(resources, "limits")
        requests = mapping(resources, "requests", create=limits is not None)
        if limits is not None and requests is not None:
            fill(requests, **limits)
        if spec.get("hostNetwork") is True:
            for port in dicts(container.get("ports")):
                if not port.get("hostPort") and "containerPort" in port:
                    port["hostPort"] = port["containerPort"]


def pull_policy(image: Any) -> str:
    """`Always` for the tag latest, written or implied; else `IfNotPresent`."""
    try:
        moving = ImageRef.parse(image).tag == DEFAULT_TAG
    except ValueError:
        moving = False
    return "Always" if moving else "IfNotPresent"


def _container(container: Object) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(container.get("image"))
    fill(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    mapping(container, "resources", create=True)
    for port in dicts(container.get("ports")):
        fill(port, protocol="TCP")
    for variable in dicts(container.get("env")):
        _field_ref(mapping(mapping(variable, "valueFrom"), "fieldRef"))
    for name in _PROBES:
        _probe(mapping(container, name))
    hooks = mapping(container, "lifecycle")
    for name in ("postStart", "preStop"):
        _http_get(mapping(mapping(hooks, name), "httpGet"))


def _probe(probe: Object | None) -> None:
    """A zero is the same as nothing here, so it takes the default too."""
    if probe is None:
        return
    defaults = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1}
    for key, value in {**defaults, "failureThreshold": 3}.items():
        if probe.get(key) in (None, 0):
            probe[key] = value
    _http_get(mapping(probe, "httpGet"))
    grpc = mapping(probe, "grpc")
    if grpc is not None:
        fill(grpc, service="")


def _http_get(action: Object | None) -> None:
    if action is None:
        return
    for key, value in {"path": "/", "scheme": "HTTP"}.items():
        if not action.get(key):
            action[key] = value


def _field_ref(reference: Object | None) -> None:
    if reference is not None:
        fill(reference, apiVersion="v1")


def _volume(volume: Object) -> None:
    sources = [key for key, value in volume.items() if key != "name" and value is not None]
    if not sources:
        volume["emptyDir"] = {}
    for name in _SOURCES_WITH_MODE:
        source = mapping(volume, name)
        if source is not None:
            fill(source, defaultMode=_FILE_MODE)
    _files_of(mapping(volume, "downwardAPI"))
    for source in dicts((mapping(volume, "projected") or {}).get("sources")):
        _files_of(mapping(source, "downwardAPI"))
        token = mapping(source, "serviceAccountToken")
        if token is not None:
            fill(token, expirationSeconds=3600)
    host = mapping(volume, "hostPath")
    if host is not None:
        fill(host, type="")
    template = mapping(mapping(volume, "ephemeral"), "volumeClaimTemplate")
    mapping(template, "metadata", create=True)
    claim = mapping(template, "spec")
    if claim is not None:
        fill(claim, volumeMode="Filesystem")


def _files_of(downward: Object | None) -> None:
    for item in dicts((downward or {}).get("items")):
        _field_ref(mapping(item, "fieldRef"))
