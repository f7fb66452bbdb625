"""An existing cluster, chosen by the name of a context: never by default, never by accident.

The user's kubeconfig is only read. What the grader uses is a copy of that one context in a file of
its own, so that the current context plays no part. A context that looks like production is refused
unless its name is said twice.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import CannotProvide, ClusterDown, ClusterError
from cluster.model import Capabilities, ClusterStatus
from cluster.paths import home_dir, make_dir, write_whole

Json = dict[str, Any]

_PRODUCTION = re.compile(r"(?:^|[^a-z])(?:prod|prd|production|live|critical)(?:$|[^a-z])", re.I)
_FILES = ("client-certificate", "client-key", "certificate-authority", "tokenFile")
_FAKE = "kwok.x-k8s.io/node"
_TIMEOUT = 10


def use_context(name: str, really: str | None = None) -> ClusterStatus:
    """The cluster behind a context of the user's kubeconfig.

    `really` is the name said a second time; needed where it looks like production. Raises
    CannotProvide when there is no such context or it is refused, ClusterDown when nothing answers.
    """
    config = _extract(name)
    suspect = _looks_like_production(name, config)
    if suspect and really != name:
        raise CannotProvide(
            f"The context {name!r} looks like production ({suspect}), so nothing was done.",
            f"If you are sure, say its name twice: --really {name}",
        )
    path = _write(name, config)
    version, nodes = _ask(path, name)
    simulated = bool(nodes) and all(_is_fake(node) for node in nodes)
    return ClusterStatus(
        name=f"context-{name}",
        provider=f"context:{name}",
        running=True,
        kubernetes_version=version,
        kubeconfig=path,
        detail=f"Kubernetes {version} with {len(nodes)} nodes.",
        capabilities=Capabilities(
            control_plane="real",
            kubelet="simulated" if simulated else "real",
            containers=None if simulated else "real",
        ),
        nodes=tuple(node["metadata"]["name"] for node in nodes),
    )


def contexts() -> list[str]:
    """Names of the contexts in the user's kubeconfig, in its order."""
    return list(_merged()["contexts"])


def _extract(name: str) -> Json:
    """A kubeconfig with this one context and what it needs."""
    every = _merged()
    if name not in every["contexts"]:
        known = ", ".join(every["contexts"]) or "none"
        raise CannotProvide(f"Your kubeconfig has no context {name!r}; it has {known}.")
    context = every["contexts"][name].get("context") or {}
    parts: Json = {"contexts": [every["contexts"][name]]}
    for collection, field in (("clusters", "cluster"), ("users", "user")):
        wanted = context.get(field)
        if wanted not in every[collection]:
            raise CannotProvide(
                f"The context {name!r} names a {field} {wanted!r} that is not there."
            )
        parts[collection] = [every[collection][wanted]]
    return {"apiVersion": "v1", "kind": "Config", "current-context": name, **parts}


def _merged() -> dict[str, dict[str, Json]]:
    """Entries of all kubeconfig files by name; the first file wins, as with kubectl."""
    found: dict[str, dict[str, Json]] = {"contexts": {}, "clusters": {}, "users": {}}
    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    for path in filter(None, named.split(os.pathsep)):
        config = _read(Path(path).expanduser())
        for collection, entries in found.items():
            for entry in config.get(collection) or []:
                entries.setdefault(str(entry.get("name")), entry)
    return found


def _read(path: Path) -> Json:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CannotProvide(f"The kubeconfig {path} cannot be read: {error}.") from error
    if not isinstance(config, dict):
        return {}
    for collection, field in (("clusters", "cluster"), ("users", "user")):
        for entry in config.get(collection) or []:
            settings = entry.get(field) or {}
            for key in _FILES:
                if settings.get(key):  # relative to the file that names it
                    settings[key] = str(path.parent.absolute() / str(settings[key]))
    return config


def _looks_like_production(name: str, config: Json) -> str:
    """What makes it look so, or an empty string."""
    server = str((config["clusters"][0].get("cluster") or {}).get("server", ""))
    told = {
        "context": name,
        "cluster": str(config["clusters"][0].get("name")),
        "user": str(config["users"][0].get("name")),
        "server": server,
    }
    hits = (f"{what} {text}" for what, text in told.items() if _PRODUCTION.search(text))
    return next(hits, "")


def _write(name: str, config: Json) -> Path:
    folder = make_dir(home_dir() / "contexts", 0o700)
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.yaml"
    write_whole(path, yaml.safe_dump(config, sort_keys=False), 0o600)
    return path


def _ask(path: Path, name: str) -> tuple[str, list[Json]]:
    """The server's version and its nodes (none where they may not be listed)."""
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    try:
        api = config.new_client_from_config(config_file=str(path))  # type: ignore[no-untyped-call]
        version = client.VersionApi(api).get_code(_request_timeout=_TIMEOUT).git_version
        try:
            answer = client.CoreV1Api(api).list_node(_request_timeout=_TIMEOUT)
            nodes = api.sanitize_for_serialization(answer)["items"]
        except client.ApiException:
            nodes = []
    except (client.ApiException, config.ConfigException, HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterDown(f"The cluster of context {name!r} does not answer: {reason}") from error
    except Exception as error:  # login plugins raise whatever they like
        raise ClusterError(f"The context {name!r} cannot be used: {error}") from error
    return str(version).removeprefix("v"), list(nodes)


def _is_fake(node: Json) -> bool:
    return _FAKE in (node["metadata"].get("annotations") or {})
