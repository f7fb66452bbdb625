"""The simulated kubelet's own port: container logs and the metrics APIs, over TLS on loopback.

Only who holds a certificate of the cluster's CA gets an answer; that is the API server.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

from aiohttp import web

from cluster.api import Access
from cluster.embedded.kubelet import weblogs
from cluster.embedded.metrics import server
from cluster.embedded.ports import LOOPBACK, free_ports

PORT_FILE = "kubelet.port"


class Machines(server.Machines, weblogs.Machines, Protocol):
    """The simulated nodes and their Pods."""


@contextlib.asynccontextmanager
async def serving(machines: Machines, access: Access, folder: Path) -> AsyncIterator[int]:
    """Serve for the time of the block; yields the port."""
    app = web.Application(middlewares=[server.as_status])
    app.add_routes([*server.MetricsApi(machines).routes(), *weblogs.LogServer(machines).routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        yield await _listen(runner, _tls(access), folder)
    finally:
        await runner.cleanup()


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(access.ca))
    context.load_cert_chain(str(access.certificate), str(access.key))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _listen(runner: web.AppRunner, tls: ssl.SSLContext, folder: Path) -> int:
    """Listen on the port of an earlier process if it is free, else on another."""
    error: OSError = OSError("no port")
    for port in _candidates(folder / PORT_FILE):
        try:
            site = web.TCPSite(runner, LOOPBACK, port, ssl_context=tls)
            await site.start()
        except OSError as taken:
            error = taken
            continue
        (folder / PORT_FILE).write_text(str(port))
        return port
    raise error


def _candidates(file: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        yield int(file.read_text())
    for _ in range(5):
        yield free_ports(1)[0]
