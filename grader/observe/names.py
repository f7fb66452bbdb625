"""A lab's namespaces under names of their own, so that many submissions share one cluster.

Forwards by structure: only where a namespace is meant. Backwards by text: a name that is unique
may be replaced wherever it stands, also in the middle of a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

NAME_LABEL = "kubernetes.io/metadata.name"
LONGEST = 63


class Names:
    """Which real namespace stands for which namespace of the lab."""

    def __init__(self, real: Mapping[str, str]) -> None:
        self._real = dict(real)
        self._lab = {name: lab for lab, name in real.items()}
        changed = sorted((n for lab, n in real.items() if lab != n), key=len, reverse=True)
        self._hint = _common_end(changed)
        self._pattern = re.compile("|".join(map(re.escape, changed))) if changed else None
        mapped = sorted((lab for lab, n in real.items() if lab != n), key=len, reverse=True)
        self._dns = _dns_pattern(mapped) if mapped else None

    @classmethod
    def unique(cls, namespaces: tuple[str, ...], run: str) -> Names:
        """Each namespace with the run's own suffix, cut to what Kubernetes allows."""
        room = LONGEST - len(run) - 1
        real: dict[str, str] = {}
        for index, lab in enumerate(namespaces):
            stem = lab[:room].rstrip("-")
            if f"{stem}-{run}" in real.values():
                stem = f"{stem[: room - 3].rstrip('-')}-{index}"
            real[lab] = f"{stem}-{run}"
        return cls(real)

    @classmethod
    def unchanged(cls, namespaces: tuple[str, ...]) -> Names:
        """The lab's own names, for a cluster that nobody shares."""
        return cls({name: name for name in namespaces})

    @property
    def lab(self) -> tuple[str, ...]:
        """The lab's namespaces."""
        return tuple(self._real)

    @property
    def real(self) -> tuple[str, ...]:
        """Their names on the cluster."""
        return tuple(self._real.values())

    def to_real(self, namespace: str) -> str | None:
        """The name on the cluster; None if the lab has no such namespace."""
        return self._real.get(namespace)

    def text_back(self, text: str) -> str:
        """A text with the lab's names instead of the real ones."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._lab[match.group()], text)

    def back(self, value: Any) -> Any:
        """A JSON value with the lab's names in every string; shares what did not change."""
        if self._pattern is None:
            return value
        return self._back(value)

    def _back(self, value: Any) -> Any:
        # Every string of every change of a run passes here; most hold no name at all.
        if isinstance(value, str):
            return self.text_back(value) if self._hint in value else value
        if isinstance(value, dict):
            hint, found = self._hint, {}
            for key, item in value.items():
                if isinstance(item, str):
                    item = self.text_back(item) if hint in item else item
                elif isinstance(item, dict | list):
                    item = self._back(item)
                found[self.text_back(key) if hint in key else key] = item
            return found
        if isinstance(value, list):
            return [self._back(item) for item in value]
        return value

    def object_to_real(self, obj: Object) -> Object:
        """A manifest as it is applied, with real names wherever a namespace is meant."""
        if self._dns is None:
            return obj
        mapped: Object = self._forward(obj, ())
        if mapped.get("kind") == "Namespace" and isinstance(mapped.get("metadata"), dict):
            name = str(mapped["metadata"].get("name") or "")
            mapped["metadata"] = {**mapped["metadata"], "name": self._real.get(name, name)}
        return mapped

    def _forward(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            if value.get("key") == NAME_LABEL and isinstance(value.get("values"), list):
                return {**value, "values": [self._one(item) for item in value["values"]]}
            return {key: self._forward(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self._forward(item, path) for item in value]
        if not isinstance(value, str) or not path:
            return value
        if _means_namespace(path):
            return self._one(value)
        if path == ("subjects", "name") and (account := _ACCOUNTS.match(value)):
            return account[1] + self._one(account[2]) + account[3]
        if _may_hold_dns(path) and self._dns is not None:
            return self._dns.sub(lambda match: self._real[match.group()], value)
        return value

    def _one(self, value: Any) -> Any:
        return self._real.get(value, value) if isinstance(value, str) else value


def _common_end(names: list[str]) -> str:
    """What all of these names end in: the run's suffix, a quick sign that one may be there."""
    shortest = min(names, key=len, default="")
    ends = (shortest[start:] for start in range(len(shortest)))
    return next((end for end in ends if all(name.endswith(end) for name in names)), "")


def _means_namespace(path: tuple[str, ...]) -> bool:
    """Whether the string at this path is the name of a namespace."""
    last, parent = path[-1], path[-2] if len(path) > 1 else ""
    if last == NAME_LABEL:
        return parent == "matchLabels"
    if parent in _LABELS or path[0] not in ("metadata", "spec", "subjects"):
        return False
    if path[0] == "metadata":
        return path == ("metadata", "namespace")
    return last in ("namespace", "namespaces")


_ACCOUNTS = re.compile(r"(system:serviceaccounts?:)([^:]+)((?::.*)?)")
"""An account as a User, or all accounts of a namespace as a Group, as a binding may name them."""

_LABELS = ("labels", "annotations", "matchLabels", "selector", "nodeSelector")
"""Mappings whose keys are free: one called "namespace" means nothing."""


def _may_hold_dns(path: tuple[str, ...]) -> bool:
    """Whether the string may be an address that a container reads."""
    if path[0] == "data":
        return True
    return path[-1] in ("value", "command", "args", "externalName", "host")


def _dns_pattern(namespaces: list[str]) -> re.Pattern[str]:
    """`service.NAMESPACE`, followed by `.svc` or by no further label."""
    names = "|".join(map(re.escape, namespaces))
    return re.compile(rf"(?<=[a-z0-9]\.)(?:{names})(?=\.svc(?![\w-])|(?![\w.-])|\.(?!\w))")
