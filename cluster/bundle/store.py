"""The images that are at hand on this machine, as files in the cache, found by name.

<cache>/store/index.json     the Items
<cache>/store/<sha256>       their contents
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from cluster.bundle.archive import sha256_of
from cluster.bundle.manifest import Item
from cluster.errors import ClusterError
from cluster.paths import cache_dir, make_dir, write_whole


class Store:
    """Images, programs and wheels by digest. Writers take turns; readers need no lock."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_dir() / "store"
        self._index = self.root / "index.json"

    def items(self) -> list[Item]:
        """Everything whose content is there in full length."""
        try:
            raw = json.loads(self._index.read_text())
            known = [Item.model_validate(entry) for entry in raw]
        except (OSError, ValueError, ValidationError, TypeError):
            return []
        return [item for item in known if self._whole(item)]

    def _whole(self, item: Item) -> bool:
        try:
            return self.path(item).stat().st_size == item.size
        except OSError:
            return False

    def path(self, item: Item) -> Path:
        """Where this item's content is."""
        return self.root / item.sha256

    def find(self, kind: str, name: str = "", key: str | None = None) -> Item | None:
        """The newest item of this kind, with this name and key where they are given."""
        for item in reversed(self.items()):
            fits = item.kind == kind and (not name or name in item.names)
            if fits and (key is None or item.key == key):
                return item
        return None

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A path on the store's disk for a file in the making; gone afterwards unless added."""
        make_dir(self.root)
        path = self.root / f".{name}.{os.getpid()}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def add(self, item: Item, content: Path) -> Item:
        """Take over a file as this item's content; items with the same names step back."""
        make_dir(self.root)
        try:
            # One lock for both, so that nobody sweeps up a content that is not yet named.
            with FileLock(self.root / "index.lock"):
                content.replace(self.path(item))
                kept = [old for old in self.items() if not _same_name(old, item)]
                entries = [entry.model_dump() for entry in [*kept, item]]
                write_whole(self._index, json.dumps(entries, indent=1))
                self._sweep({old.sha256 for old in [*kept, item]})
        except OSError as error:
            raise ClusterError(f"Cannot write {self.path(item)}: {error.strerror}.") from error
        return item

    def _sweep(self, wanted: set[str]) -> None:
        """Remove contents that no item names any more."""
        for path in self.root.iterdir():
            if len(path.name) == 64 and path.name not in wanted:
                path.unlink(missing_ok=True)

    def damaged(self) -> list[Item]:
        """Items whose content does not have its digest any more; reads everything."""
        return [item for item in self.items() if sha256_of(self.path(item)) != item.sha256]


def _same_name(one: Item, other: Item) -> bool:
    return one.kind == other.kind and bool(set(one.names) & set(other.names))
