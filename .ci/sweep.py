"""Remove every cluster of every home below a folder, such as what a killed run has left there.

python .ci/sweep.py FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cluster.embedded import EmbeddedProvider
from cluster.errors import ClusterError
from cluster.kind import KindProvider


def homes(folder: Path) -> set[Path]:
    """Folders that look like the home of clusters."""
    return {
        Path(where)
        for where, folders, _ in os.walk(folder)
        if {"clusters", "kind"}.intersection(folders)
    }


def main() -> None:
    """Sweep; what cannot be removed is named, and does not stop the rest."""
    for home in sorted(homes(Path(sys.argv[1]))):
        os.environ["MLK8S_HOME"] = str(home)
        for provider in (KindProvider(), EmbeddedProvider()):
            for name in provider.names():
                print(f"removing the {provider.name} cluster {name} of {home}")
                try:
                    provider.delete(name)
                except ClusterError as error:
                    print(f"  {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
