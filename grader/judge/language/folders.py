"""What a container finds in a folder, as far as the files of the submission tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.containers import Container
from grader.judge.language.fields import Field
from grader.judge.language.manifests import Manifests
from grader.judge.language.objects import ManifestObject


def config_files(
    manifests: Manifests, workload: ManifestObject, container: Container, folder: str
) -> dict[str, Field]:
    """The files that ConfigMaps of the submission put into a folder, each by its path in there.

    Empty where nothing is mounted at the folder, or only a part of a volume is. What Secrets and
    ConfigMaps from elsewhere would add is not known and left out.
    """
    try:
        mount = container.mount(folder)
        volume = mount.volume.value
    except CheckFailed:
        return {}
    if mount.field("subPath").value or mount.field("subPathExpr").value:
        return {}
    found = {}
    for source in _sources(volume):
        config = manifests.maybe("ConfigMap", str(source.get("name")), workload.namespace)
        data = config.field("data").value if config else None
        for key, path in _paths(source, data or {}):
            if config and key in (data or {}):
                found[path] = config.field(f'data["{key}"]')
    return found


def _sources(volume: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The ConfigMaps that a volume shows, directly or projected."""
    projected = (volume.get("projected") or {}).get("sources") or []
    for holder in (volume, *projected):
        if source := holder.get("configMap"):
            yield source


def _paths(source: Mapping[str, Any], data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and path of each file that a ConfigMap gives: all, unless some are named."""
    items = source.get("items")
    if items:
        return [(str(item.get("key")), str(item.get("path"))) for item in items]
    return [(str(key), str(key)) for key in data]
