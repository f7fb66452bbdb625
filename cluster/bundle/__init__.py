"""Everything that a room without a network needs, in one file; and the images at hand here."""

from __future__ import annotations

from cluster.bundle.manifest import Item, Manifest
from cluster.bundle.pack import create, load, verify
from cluster.bundle.store import Store

__all__ = ["Item", "Manifest", "Store", "create", "load", "verify"]
