"""A container's environment, as its process would see it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from cluster.embedded.kubelet.references import Objects, Ref, content

Json = dict[str, Any]


class Missing(Exception):
    """Something that the environment needs is not there; the message is a kubelet's."""


def environment(container: Json, pod: Json, objects: Objects) -> dict[str, str]:
    """The variables of a container. Raises Missing."""
    found: dict[str, str] = {}
    for entry in container.get("envFrom") or []:
        prefix = str(entry.get("prefix") or "")
        whole = _from_whole(entry, objects)
        found.update({prefix + key: text for key, text in whole.items()})
    for variable in container.get("env") or []:
        value = _value(variable, pod, objects)
        if value is not None:
            # What comes from elsewhere is taken as it stands there.
            plain = variable.get("value") is not None
            found[str(variable["name"])] = _expand(value, found) if plain else value
    return found


def told(container: Json, variables: dict[str, str]) -> str:
    """Everything that a container is told: command, arguments and environment, line by line."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    spoken = [_expand(str(word), variables) for word in words]
    return "\n".join([*spoken, *(f"{key}={value}" for key, value in variables.items())])


def _expand(text: str, variables: dict[str, str]) -> str:
    """Replace `$(NAME)` by its value; unknown names stay as they are, as in Kubernetes."""
    return re.sub(
        r"\$\(([A-Za-z_][\w.-]*)\)", lambda m: variables.get(m.group(1), m.group(0)), text
    )


def _from_whole(entry: Json, objects: Objects) -> dict[str, str]:
    for field, ref in (
        ("configMapRef", Ref("ConfigMap", str((entry.get("configMapRef") or {}).get("name")))),
        ("secretRef", Ref("Secret", str((entry.get("secretRef") or {}).get("name")))),
    ):
        if field not in entry:
            continue
        held = objects.get(ref)
        if held is None:
            if entry[field].get("optional"):
                return {}
            raise Missing(f'{ref.kind.lower()} "{ref.name}" not found')
        return {key: _text(held, ref, key) for key in sorted(content(held))}
    return {}


def _value(variable: Json, pod: Json, objects: Objects) -> str | None:
    source = variable.get("valueFrom") or {}
    if key_ref := source.get("configMapKeyRef"):
        return _key(Ref("ConfigMap", str(key_ref.get("name"))), key_ref, pod, objects)
    if key_ref := source.get("secretKeyRef"):
        return _key(Ref("Secret", str(key_ref.get("name"))), key_ref, pod, objects)
    if field := source.get("fieldRef"):
        return _field(str(field.get("fieldPath") or ""), pod)
    return str(variable.get("value") or "")


def _key(ref: Ref, key_ref: Json, pod: Json, objects: Objects) -> str | None:
    key, optional = str(key_ref.get("key")), bool(key_ref.get("optional"))
    held = objects.get(ref)
    if held is None:
        if optional:
            return None
        raise Missing(f'{ref.kind.lower()} "{ref.name}" not found')
    if key not in content(held):
        if optional:
            return None
        namespace = pod["metadata"]["namespace"]
        raise Missing(f"couldn't find key {key} in {ref.kind} {namespace}/{ref.name}")
    return _text(held, ref, key)


def _text(held: Json, ref: Ref, key: str) -> str:
    raw = str((held.get("data") or {}).get(key, ""))
    if ref.kind == "ConfigMap":
        return raw
    try:
        return base64.b64decode(raw).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""


def _field(path: str, pod: Json) -> str:
    """The value of a downward API path such as `metadata.labels['app']`."""
    found = re.match(r"^metadata\.(labels|annotations)\['(.*)'\]$", path)
    if found:
        return str((pod["metadata"].get(found.group(1)) or {}).get(found.group(2), ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)
