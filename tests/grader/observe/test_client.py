"""Refusals that speak of the moment and not of the object are no answer."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from grader.observe.access import Access
from grader.observe.client import Api

Json = dict[str, Any]
CONFLICT: Json = {
    "reason": "Conflict",
    "message": 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified',
    "details": {"name": "q", "kind": "resourcequotas"},
}
UNKNOWN: Json = {"reason": "Forbidden", "message": "forbidden: status unknown for quota: q"}
BUSY: Json = {"reason": "InternalError", "message": "etcdserver: request timed out"}
EXCEEDED: Json = {"reason": "Forbidden", "message": "forbidden: exceeded quota: q"}
OTHER: Json = {**CONFLICT, "details": {"name": "web", "kind": "deployments"}}
THERE: Json = {"reason": "AlreadyExists", "message": "exists", "details": CONFLICT["details"]}


@contextmanager
def a_server(*answers: tuple[int, Json]) -> Iterator[tuple[Api, list[str]]]:
    """An API server that gives these answers one after the other, the last for ever."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            code, body = left.pop(0) if len(left) > 1 else left[0]
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield Api(Access(url, ssl.create_default_context(), lambda: ""), patience=5), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("refusal", [(409, CONFLICT), (403, UNKNOWN), (500, BUSY)])
def test_a_refusal_of_the_moment_is_tried_again(refusal: tuple[int, Json]) -> None:
    with a_server(refusal, refusal, (201, {"kind": "Service"})) as (api, asked):
        assert api.call("POST", "/services", {}).body == {"kind": "Service"}
    assert len(asked) == 3


@pytest.mark.parametrize("refusal", [(403, EXCEEDED), (409, OTHER), (409, THERE)])
def test_a_refusal_of_the_object_is_an_answer(refusal: tuple[int, Json]) -> None:
    with a_server(refusal, (201, {})) as (api, asked):
        assert api.call("POST", "/services", {}).code == refusal[0]
    assert len(asked) == 1


def test_one_that_does_not_pass_is_an_answer_in_the_end() -> None:
    with a_server((409, CONFLICT)) as (api, asked):
        assert api.call("POST", "/services", {}, patience=0.3).reason == "Conflict"
    assert len(asked) > 1
