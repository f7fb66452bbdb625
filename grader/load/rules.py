"""Rules of the API server that no schema holds, as far as they are simple and slips are common.

The API server has the last word; these say the same from files alone, with the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grader.load.explain import Finding
from grader.load.redact import NOT_BASE64, NOT_TEXT, is_base64, is_hash
from grader.model.manifest import FieldPath, Manifest
from grader.model.paths import format_path
from grader.model.quantity import Quantity
from grader.model.selectors import matches

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*", re.ASCII)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_PERCENT = re.compile(r"[0-9]+%", re.ASCII)
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*", re.ASCII)
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
_NAMED_BY_PATH = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_ROLLOUT = ("maxSurge", "maxUnavailable")


def rule_findings(manifest: Manifest) -> Iterator[Finding]:
    """What the rules find in an object whose kind is known."""
    value = manifest.value
    yield from _empty_items(value, ())
    yield from _metadata(manifest)
    spec = _dict(value.get("spec"))
    if manifest.kind == "Secret":
        yield from _secret(value)
    elif manifest.kind == "Service":
        yield from _service(spec)
    elif manifest.kind == "PodDisruptionBudget":
        yield from _numbers_or_percents(spec, ("minAvailable", "maxUnavailable"), ("spec",))
    if manifest.kind == "Pod":
        yield from _pod_spec(spec, ("spec",))
    else:
        for path, template in _templates(manifest.kind, spec):
            yield from _labels(_dict(template.get("metadata")), (*path, "metadata"))
            yield from _pod_spec(_dict(template.get("spec")), (*path, "spec"))
            yield from _restart_policy(manifest.kind, template, path)
    if manifest.kind in _WORKLOADS:
        yield from _workload(manifest.kind, spec)


def _empty_items(value: Any, path: FieldPath) -> Iterator[Finding]:
    """Items of lists that hold nothing: a dash with no text behind it.

    A field that holds nothing is left out, but an item cannot be: it becomes an object without any
    of its fields, which hardly any list takes.
    """
    if isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(entry, dict | list):
                yield from _empty_items(entry, (*path, key))
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            if entry is None:
                here = (*path, place)
                yield Finding("wrong-type", f"{format_path(here)} is an empty list item", here)
            elif isinstance(entry, dict | list):
                yield from _empty_items(entry, (*path, place))


def _metadata(manifest: Manifest) -> Iterator[Finding]:
    metadata = _dict(manifest.value.get("metadata"))
    name = metadata.get("name")
    path = ("metadata", "name")
    if isinstance(name, str) and name and manifest.kind not in _NAMED_BY_PATH:
        simple = manifest.kind in ("Namespace", "Service")
        if simple and _LABEL.fullmatch(name) is None:
            yield _name(path, name, "letters a-z, digits and -, at most 63")
        elif not simple and (_SUBDOMAIN.fullmatch(name) is None or len(name) > 253):
            yield _name(path, name, "letters a-z, digits, - and .")
        elif manifest.kind == "Service" and name[0].isdigit():
            message = f'metadata.name "{name}" must begin with a letter in a Service'
            yield Finding("bad-value", message, path)
    namespace = metadata.get("namespace")
    if isinstance(namespace, str) and namespace and _LABEL.fullmatch(namespace) is None:
        yield _name(("metadata", "namespace"), namespace, "letters a-z, digits and -")
    yield from _labels(metadata, ("metadata",))


def _name(path: FieldPath, name: str, allowed: str) -> Finding:
    message = f'{format_path(path)} "{name[:80]}" is not a valid name: only {allowed}'
    return Finding("bad-value", f"{message}, with a letter or digit at both ends", path)


def _labels(metadata: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
    for key, value in _dict(metadata.get("labels")).items():
        here = (*path, "labels", key)
        prefix, slash, name = key.rpartition("/")
        bad_prefix = bool(slash) and (_SUBDOMAIN.fullmatch(prefix) is None or len(prefix) > 253)
        if bad_prefix or _LABEL_KEY.fullmatch(name) is None:
            yield Finding("bad-value", f'"{key[:80]}" is not a valid name of a label', here)
        if isinstance(value, str) and _LABEL_VALUE.fullmatch(value) is None:
            yield Finding(
                "bad-value",
                f"{format_path(here)} is not a valid label value: at most 63 letters, digits, "
                "-, _ and ., with a letter or digit at both ends",
                here,
            )


def _templates(kind: str, spec: dict[str, Any]) -> Iterator[tuple[FieldPath, dict[str, Any]]]:
    if kind == "CronJob":
        job = _dict(_dict(spec.get("jobTemplate")).get("spec"))
        path: FieldPath = ("spec", "jobTemplate", "spec", "template")
        yield path, _dict(job.get("template"))
    elif kind in _WORKLOADS or kind == "Job":
        yield ("spec", "template"), _dict(spec.get("template"))


def _restart_policy(kind: str, template: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
    pod_spec = template.get("spec")
    if not isinstance(pod_spec, dict):
        return
    here = (*path, "spec", "restartPolicy")
    policy = pod_spec.get("restartPolicy") or "Always"
    allowed = ("Never", "OnFailure") if kind in ("Job", "CronJob") else ("Always",)
    if isinstance(policy, str) and policy not in allowed:
        written = "is missing" if pod_spec.get("restartPolicy") is None else f"is {policy[:40]}"
        message = f"{format_path(here)} {written}; in a {kind} it must be {' or '.join(allowed)}"
        yield Finding("bad-value", message, here)


def _workload(kind: str, spec: dict[str, Any]) -> Iterator[Finding]:
    selector = spec.get("selector")
    template = _dict(spec.get("template"))
    labels = _dict(_dict(template.get("metadata")).get("labels"))
    path: FieldPath = ("spec", "selector")
    if isinstance(selector, dict) and template:
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            yield Finding("bad-value", "spec.selector is empty; it must select the Pods", path)
        elif not matches(selector, labels):
            message = "spec.selector does not match the labels in spec.template.metadata.labels"
            yield Finding("bad-value", message, path)
    strategy = "strategy" if kind == "Deployment" else "updateStrategy"
    update = _dict(_dict(spec.get(strategy)).get("rollingUpdate"))
    yield from _numbers_or_percents(update, _ROLLOUT, ("spec", strategy, "rollingUpdate"))


def _numbers_or_percents(
    fields: dict[str, Any], names: tuple[str, ...], path: FieldPath
) -> Iterator[Finding]:
    for name in names:
        value = fields.get(name)
        here = (*path, name)
        if isinstance(value, str) and _PERCENT.fullmatch(value) is None:
            message = f"{format_path(here)} must be a whole number or a percentage such as 25%"
            fix = f"; write it without quotes: {value}" if value.isdecimal() else ""
            yield Finding("bad-value", message + fix, here)


def _service(spec: dict[str, Any]) -> Iterator[Finding]:
    for index, port in _dicts(spec.get("ports")):
        yield from _port(port.get("port"), ("spec", "ports", index, "port"))
        yield from _port(port.get("targetPort"), ("spec", "ports", index, "targetPort"))


def _port(value: Any, path: FieldPath) -> Iterator[Finding]:
    """A number from 1 to 65535, or the name of a container's port."""
    if isinstance(value, int) and not isinstance(value, bool) and not 1 <= value <= 65535:
        message = f"{format_path(path)} must be from 1 to 65535, not {value}"
        yield Finding("bad-value", message, path)
    elif isinstance(value, str) and value.isdecimal():
        message = f"{format_path(path)} is the text {value[:20]}, so it is taken for a port's name"
        yield Finding("bad-value", f"{message}; write the number without quotes", path)
    elif isinstance(value, str) and (len(value) > 15 or _PORT_NAME.fullmatch(value) is None):
        message = f"{format_path(path)} is not a port's name: at most 15 of a-z, 0-9 and -"
        yield Finding("bad-value", message, path)


def _pod_spec(spec: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
    names: set[str] = set()
    for group in ("initContainers", "containers"):
        for index, container in _dicts(spec.get(group)):
            here = (*path, group, index)
            yield from _container(container, here)
            name = container.get("name")
            if isinstance(name, str) and name in names:
                message = f'"{name[:80]}" is the name of another container of this Pod'
                yield Finding("bad-value", f"{format_path(here)}.name {message}", (*here, "name"))
            names |= {name} if isinstance(name, str) else set()


def _container(container: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
    name = container.get("name")
    if isinstance(name, str) and _LABEL.fullmatch(name) is None:
        yield _name((*path, "name"), name, "letters a-z, digits and -, at most 63")
    for index, port in _dicts(container.get("ports")):
        here = (*path, "ports", index)
        yield from _port(port.get("containerPort"), (*here, "containerPort"))
        yield from _port(port.get("name"), (*here, "name"))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        for action in ("httpGet", "tcpSocket"):
            fields = _dict(_dict(container.get(probe)).get(action))
            yield from _port(fields.get("port"), (*path, probe, action, "port"))
    resources = _dict(container.get("resources"))
    limits = _dict(resources.get("limits"))
    for key, request in _dict(resources.get("requests")).items():
        if key in limits and _is_more(request, limits[key]):
            here = (*path, "resources", "requests", key)
            message = f"{format_path(here)} is {request}, more than its limit {limits[key]}"
            yield Finding("bad-value", message, here)


def _secret(value: dict[str, Any]) -> Iterator[Finding]:
    """Values that the API server would refuse, whether still there or already hashed."""
    for field in ("data", "stringData"):
        for key, written in _dict(value.get(field)).items():
            here = (field, key)
            if not isinstance(written, str):
                continue
            if is_hash(written) and written.endswith(NOT_TEXT):
                message = f"{format_path(here)} must be text, not another type of value"
                yield Finding("wrong-type", f"{message}; put it in quotes", here)
            elif field == "data" and (
                written.endswith(NOT_BASE64) if is_hash(written) else not is_base64(written)
            ):
                message = f"{format_path(here)} is not base64; plain text goes under stringData"
                yield Finding("bad-value", message, here)


def _is_more(one: Any, other: Any) -> bool:
    try:
        return Quantity(one) > Quantity(other)
    except (ValueError, TypeError):
        return False


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(items: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield index, item
