"""Where an API server is and how we prove who we are, read from one named kubeconfig.

Certificates and tokens are read here, which takes a fraction of the time that importing the
`kubernetes` package does. Logins that need more (exec plugins, cloud providers) are left to it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.errors import MachineError

_PLAIN = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
}


@dataclass(frozen=True)
class Access:
    """How to reach one API server. `authorization` gives the header's value, or an empty string."""

    server: str
    tls: ssl.SSLContext
    authorization: Callable[[], str]
    proxy: str = ""
    server_name: str = ""


def read_access(kubeconfig: Path) -> Access:
    """Access through the current context of exactly this kubeconfig."""
    try:
        with kubeconfig.open("rb") as file:
            config = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        context = _named(config, "contexts", "context", config["current-context"])
        cluster = _named(config, "clusters", "cluster", context["cluster"])
        user = _named(config, "users", "user", context.get("user"))
        if set(user) <= _PLAIN:
            return _plain(cluster, user, kubeconfig.parent)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise MachineError(f"The kubeconfig {kubeconfig} cannot be used: {error}.") from error
    return _from_package(kubeconfig)


def _named(config: Any, collection: str, field: str, name: str | None) -> Mapping[str, Any]:
    for entry in config.get(collection) or []:
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get(field) or {}
            return found
    if name is None:
        return {}
    raise ValueError(f"it has no {field} called {name!r}")


def _plain(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> Access:
    authority = _bytes(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", folder)
    key = _bytes(user, "client-key", folder)
    if certificate and key:
        with _private_file(certificate + b"\n" + key) as path:
            tls.load_cert_chain(path)
    token = str(user.get("token") or "")
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        tls=tls,
        authorization=lambda: f"Bearer {token}" if token else "",
        proxy=str(cluster.get("proxy-url") or ""),
        server_name=str(cluster.get("tls-server-name") or ""),
    )


def _bytes(section: Mapping[str, Any], field: str, folder: Path) -> bytes:
    """A credential that stands in the kubeconfig itself or in a file that it names."""
    if inline := section.get(f"{field}-data"):
        try:
            return base64.b64decode(inline, validate=False)
        except binascii.Error as error:
            raise ValueError(f"{field}-data is not base64") from error
    named = section.get(field)
    return (folder / str(named)).read_bytes() if named else b""


@contextlib.contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """A file that only this user can read and that is gone right afterwards."""
    handle, path = tempfile.mkstemp(prefix="mlk8s-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def _from_package(kubeconfig: Path) -> Access:
    """Any other way to log in, as the `kubernetes` package does it."""
    from kubernetes.client import Configuration
    from kubernetes.config.kube_config import load_kube_config

    settings = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), client_configuration=settings, persist_config=False
        )
        tls = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if not settings.verify_ssl:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        if settings.cert_file:
            tls.load_cert_chain(settings.cert_file, settings.key_file)
    except Exception as error:  # the package and its plugins raise whatever they like
        raise MachineError(f"The kubeconfig {kubeconfig} cannot be used: {error}.") from error
    if not _token(settings) and not settings.cert_file:
        raise MachineError(f"The login that {kubeconfig} names gave no credentials.")
    return Access(
        server=str(settings.host).rstrip("/"),
        tls=tls,
        # Asked for at each request: the package renews a token that is about to expire.
        authorization=lambda: _token(settings),
        proxy=settings.proxy or "",
        server_name=settings.tls_server_name or "",
    )


def _token(settings: Any) -> str:
    """The Authorization header's value; earlier releases of the package keep it elsewhere."""
    return settings.get_api_key_with_prefix("BearerToken", alias="authorization") or ""
