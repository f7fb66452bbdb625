"""Run the simulated kubelet of one embedded cluster in the background.

    python -m cluster.embedded.kubelet --folder <folder of the cluster>

Ends with status 0 as soon as the background process has begun its work, and that one ends by itself
when the cluster's folder is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import sys
from functools import partial
from pathlib import Path

from cluster.api import Access
from cluster.embedded.kubelet.client import Client
from cluster.embedded.kubelet.server import Kubelet
from cluster.embedded.kubelet.web import serving
from cluster.embedded.metrics.register import register


async def _serve(folder: Path) -> None:
    access = Access.read(next(folder.glob("kwok/clusters/*/kubeconfig.yaml")))
    async with Client(access) as client:
        kubelet = Kubelet(client, (folder / "state.json").exists)
        async with serving(kubelet, access, folder) as port:
            kubelet.nodes.port = port
            await kubelet.run(partial(register, client, port))


def main() -> int:
    """Fork into the background and serve there."""
    parser = argparse.ArgumentParser(prog="cluster.embedded.kubelet")
    parser.add_argument("--folder", type=Path, required=True)
    folder: Path = parser.parse_args().folder
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    if os.fork():
        return 0
    lock = os.open(folder / "kubelet.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0  # another one serves this cluster already
    asyncio.run(_serve(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
