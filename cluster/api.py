"""A small client for one cluster's API server: keeps one connection, speaks JSON, waits briefly.

The provider needs a handful of calls while a cluster comes up; a full client library would take
longer to import than the API server to start.
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import yaml

from cluster.errors import ClusterDown, ClusterError

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
FIELD_MANAGER = "mlk8s"


class ApiError(ClusterError):
    """The API server refused; `status` is the HTTP code, `reason` its word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Access:
    """Where an API server listens and the files that prove who we are."""

    server: str
    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def read(cls, kubeconfig: Path) -> Access:
        """Read the first cluster and user of a kubeconfig that names its certificates by path."""
        try:
            config = yaml.safe_load(kubeconfig.read_text())
            cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
            return cls(
                cluster["server"],
                Path(cluster["certificate-authority"]),
                Path(user["client-certificate"]),
                Path(user["client-key"]),
            )
        except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError) as error:
            raise ClusterDown(f"The kubeconfig {kubeconfig} cannot be read.") from error

    def tls(self) -> ssl.SSLContext:
        """A context that trusts only this cluster's CA and presents its admin certificate."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(str(self.certificate), str(self.key))
        return context


class Api:
    """Requests to one API server. Not safe for several threads at once; close it after use."""

    def __init__(self, access: Access, timeout: float = 5.0) -> None:
        self._access = access
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            url = urlsplit(self._access.server)
            try:
                context = self._access.tls()
            except (OSError, ssl.SSLError) as error:
                raise ClusterDown(f"The cluster's certificates cannot be read: {error}.") from error
            self._connection = http.client.HTTPSConnection(
                url.hostname or "127.0.0.1", url.port or 443, timeout=self._timeout, context=context
            )
        return self._connection

    def text(self, method: str, path: str, body: Any = None, kind: str = "") -> tuple[int, str]:
        """One request; returns HTTP status and body. Raises ClusterDown without an answer."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        connection = self._connect()
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ClusterDown(
                f"The API server at {self._access.server} does not answer.", "mlk8s up"
            ) from error

    def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
        """One request with a JSON answer. Raises ApiError when refused."""
        status, text = self.text(method, path, body, kind)
        try:
            answer = json.loads(text) if text else {}
        except ValueError:
            answer = {"message": text.strip()}
        if not isinstance(answer, dict):
            answer = {"message": text}
        if status >= 400:
            message = str(answer.get("message") or f"HTTP {status}")
            raise ApiError(status, str(answer.get("reason", "")), message)
        return answer

    def get(self, path: str) -> Json | None:
        """An object, or None where there is none."""
        try:
            return self.call("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str) -> list[Json]:
        """All objects of a collection."""
        return list(self.call("GET", path).get("items") or [])

    def apply(self, path: str, manifest: Json) -> Json:
        """Server-side apply; takes over fields that another manager owns."""
        return self.call(
            "PATCH", f"{path}?fieldManager={FIELD_MANAGER}&force=true", manifest, APPLY
        )

    def delete(self, path: str) -> bool:
        """Delete an object; False if there was none."""
        try:
            self.call("DELETE", path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def ready(self) -> bool:
        """Whether the API server answers and calls itself ready."""
        try:
            return self.text("GET", "/readyz")[0] == 200
        except ClusterDown:
            return False

    def version(self) -> str:
        """The server's Kubernetes version, without the v."""
        return str(self.call("GET", "/version").get("gitVersion", "")).removeprefix("v")
