"""How much a submission may hold. Far above any honest answer, far below what hurts a machine."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FILE_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 4 * 1024 * 1024
MAX_FILES = 500
MAX_ENTRIES = 20_000
"""Names that the search for manifests looks at: a whole disk given by mistake is refused."""

MAX_DOCUMENTS = 200
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_ALIASED_BYTES = 4 * 1024 * 1024
"""Text that aliases may repeat, so that many aliases of one long text do not multiply it."""


@dataclass(slots=True)
class Budget:
    """What one submission has used so far; shared by its files."""

    bytes: int = 0
    documents: int = 0
    nodes: int = 0
    aliased: int = 0


def human(size: int) -> str:
    """A size for people: "1 MiB", "37 MiB"."""
    return f"{size / (1024 * 1024):.3g} MiB" if size >= 1024 * 1024 else f"{size // 1024} KiB"
