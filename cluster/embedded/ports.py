"""Free ports on loopback, chosen so that clusters started at the same moment rarely meet.

The range lies below the ephemeral ports of Linux (32768) and macOS (49152), so that no outgoing
connection takes a port between the choice and its use. The rest is luck: the caller tries again
with other ports when a component could not bind.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

from cluster.errors import ClusterError

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20000, 29999


def free_ports(count: int, tries: int = 400) -> list[int]:
    """Distinct ports on which nothing listens now. Raises ClusterError if there are too few."""
    chooser = random.SystemRandom()
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(tries):
            port = chooser.randint(FIRST, LAST)
            candidate = held.enter_context(socket.socket())
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise ClusterError(f"No {count} free ports between {FIRST} and {LAST} on {LOOPBACK}.")
