"""A thin client for one API server: pooled connections, plain JSON, watches; safe for threads."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from grader.errors import MachineError
from grader.observe.access import Access

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""Accept header of a list whose items have their metadata only."""

BIGGEST_LINE = 16 * 1024 * 1024


class ClusterLost(MachineError):
    """The API server could not be reached or did not answer in time."""


class Refused(Exception):
    """The API server answered a watch or list of ours with an error."""

    def __init__(self, answer: ApiAnswer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True)
class ApiAnswer:
    """What the API server said. `reason` is its own word, such as `Forbidden`."""

    code: int
    reason: str = ""
    message: str = ""
    body: Json = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    """The body as it came, where it was asked for with another Accept header than JSON."""

    @property
    def ok(self) -> bool:
        """Accepted."""
        return 200 <= self.code < 300

    @property
    def version(self) -> int:
        """resourceVersion of the answered object or list; 0 if it has none."""
        metadata = self.body.get("metadata")
        text = str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""
        return int(text) if text.isdigit() else 0


class Api:
    """Requests to one API server.

    A request that cannot be made is tried again for up to `patience` seconds, then raises
    ClusterLost; what the server answers, whatever its status, is returned.
    """

    def __init__(
        self,
        access: Access,
        *,
        timeout: float = 10.0,
        patience: float = 10.0,
        connections: int = 64,
    ) -> None:
        self._access = access
        self._timeout = urllib3.Timeout(connect=min(timeout, 5.0), read=timeout)
        self._watch_timeout = urllib3.Timeout(connect=min(timeout, 5.0), read=None)
        self.patience = patience
        self._pool = _pool(access, connections)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        user: str = "",
        patience: float | None = None,
        timeout: float | None = None,
    ) -> ApiAnswer:
        """One request, as `user` where given, else as the kubeconfig's own identity."""
        url = path if not query else f"{path}?{urlencode(query)}"
        headers = self._headers(accept, user)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content
        give_up = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            try:
                response = self._send(method, url, data, headers, timeout)
                read = _answer_of if accept.startswith("application/json") else _plain_answer
                said = read(response.status, response.data)
                if not _passes(said) or time.monotonic() > give_up:
                    return said
            except (HTTPError, OSError) as error:
                if time.monotonic() > give_up:
                    raise ClusterLost(_sentence(self._access.server, error)) from error
            time.sleep(0.2)

    def get(self, path: str, **query: str) -> ApiAnswer:
        """Read an object or a collection."""
        return self.call("GET", path, query=query)

    def version_now(self) -> int:
        """The cluster's resourceVersion at this moment, from the cheapest consistent read."""
        answer = self.get("/api/v1/namespaces", limit="1")
        if not answer.ok:
            raise MachineError(f"The API server refused to list namespaces: {answer.message}")
        return answer.version

    def stream(self, path: str, query: Mapping[str, str]) -> Stream:
        """Open a watch. Raises Refused, or ClusterLost at once: the caller decides on patience."""
        url = f"{path}?{urlencode(query)}"
        try:
            response = self._pool.request(
                "GET",
                self._access.server + url,
                headers=self._headers("application/json", ""),
                timeout=self._watch_timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            if response.status >= 400:
                text = response.read(BIGGEST_LINE)
                response.release_conn()
                raise Refused(_answer_of(response.status, text))
        except (HTTPError, OSError) as error:
            raise ClusterLost(_sentence(self._access.server, error)) from error
        return Stream(response, self._access.server)

    def _send(
        self,
        method: str,
        url: str,
        data: bytes | None,
        headers: dict[str, str],
        timeout: float | None,
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method,
            self._access.server + url,
            body=data,
            headers=headers,
            timeout=self._timeout if timeout is None else urllib3.Timeout(timeout, timeout),
            retries=False,
            redirect=False,
        )

    def _headers(self, accept: str, user: str) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": "mlk8s"}
        if authorization := self._access.authorization():
            headers["Authorization"] = authorization
        if user:
            headers["Impersonate-User"] = user
        return headers


class Stream:
    """A watch as it arrives. `close` ends it from any thread."""

    def __init__(self, response: urllib3.BaseHTTPResponse, server: str) -> None:
        self._response = response
        self._server = server

    def __iter__(self) -> Iterator[tuple[Json, int]]:
        """Each event with the size of its JSON; ends when the server ends it, or ClusterLost."""
        rest = b""
        try:
            for chunk in self._response.stream(65536):
                if b"\n" not in chunk:
                    rest += chunk
                    if len(rest) > BIGGEST_LINE:
                        raise ClusterLost("A watch sent an event without end.")
                    continue
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield json.loads(line), len(line)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # AttributeError: urllib3 meets the socket that `close` has just taken away.
            raise ClusterLost(_sentence(self._server, error)) from error
        finally:
            self._response.close()

    def close(self) -> None:
        """Unblock whoever reads."""
        try:
            self._response.shutdown()
        except (HTTPError, OSError, ValueError, AttributeError):
            return


def _pool(access: Access, connections: int) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": connections,
        "ssl_context": access.tls,
        # A watch may be silent for long; keepalives find out whether the other side still exists.
        "socket_options": HTTPConnection.default_socket_options + _keepalive(),
    }
    if access.server_name:
        options["server_hostname"] = access.server_name
        options["assert_hostname"] = access.server_name
    if access.proxy:
        return urllib3.ProxyManager(access.proxy, **options)
    return urllib3.PoolManager(**options)


def _keepalive() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


_OF_THE_MOMENT = ("status unknown for quota", "etcdserver: ")


def _passes(said: ApiAnswer) -> bool:
    """Whether a refusal says nothing of the object, only of this moment.

    Admission counts an object into its quota, and gives up with a Conflict where the quota's own
    controller, or another object, is counted at the same time; it knows no use of a quota that is a
    moment old. kubectl shows such an error, and its user tries again.
    """
    if said.code == 409 and (said.body.get("details") or {}).get("kind") == "resourcequotas":
        return said.reason == "Conflict"
    return said.code >= 400 and any(words in said.message for words in _OF_THE_MOMENT)


def _plain_answer(code: int, raw: bytes) -> ApiAnswer:
    text = raw.decode(errors="replace")
    if code < 400:
        return ApiAnswer(code, text=text)
    said = _answer_of(code, raw)
    return ApiAnswer(code, said.reason, said.message, text=text)


def _answer_of(code: int, raw: bytes) -> ApiAnswer:
    text = raw.decode(errors="replace")
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ApiAnswer(code, "", text.strip()[:2000])
    if code < 400:
        return ApiAnswer(code, "", "", body)
    message = str(body.get("message") or text.strip() or f"HTTP status {code}")
    return ApiAnswer(code, str(body.get("reason") or ""), message[:4000], body)


def _sentence(server: str, error: Exception) -> str:
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    why = "refused the connection" if isinstance(cause, ConnectionRefusedError) else "is silent"
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        why = "closed the connection"
    return f"The API server at {server} {why}."
