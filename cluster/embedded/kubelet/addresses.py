"""Pod addresses: unique in the cluster, taken in turn so that none is reused soon."""

from __future__ import annotations

import ipaddress


class Addresses:
    """Hands out addresses of any number of ranges."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, cidr: str) -> str:
        """A free address of this range; raises OSError when all are in use."""
        network = ipaddress.ip_network(cidr)
        # The first two are the network's own and its gateway's.
        span = network.num_addresses - 3
        last = self._last.get(cidr, 0)
        for step in range(1, span + 1):
            offset = (last + step - 1) % span + 1
            address = str(network[offset + 1])
            if address not in self._used:
                self._last[cidr] = offset
                self._used.add(address)
                return address
        raise OSError(f"no address is left in {cidr}")

    def mark(self, address: str) -> None:
        """Note an address that is in use already."""
        self._used.add(address)

    def give_back(self, address: str) -> None:
        """Note that an address is free again."""
        self._used.discard(address)
