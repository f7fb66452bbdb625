"""Take the Python packages out of a bundle, before anything of mlk8s is installed.

    python3 cluster/bundle/take_wheels.py room.bundle wheels

Needs Python alone. Each wheel is written once its digest is that of the bundle's manifest.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path


def take_wheels(bundle: Path, folder: Path) -> list[Path]:
    """Write every wheel of a bundle into a folder; returns their paths.

    Raises ValueError for a file that is no bundle, is cut off, or was altered.
    """
    written = []
    try:
        with tarfile.open(bundle) as archive:
            wanted = _wheels_of(archive)
            for member in archive:
                name = wanted.pop(member.name, "")
                if name:
                    written.append(_write(archive, member, folder / name))
    except (tarfile.TarError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise ValueError(f"{bundle} is not a whole bundle: {error}") from error
    if wanted:
        raise ValueError(f"{bundle} is cut off: {min(wanted.values())} is missing")
    return written


def _wheels_of(archive: tarfile.TarFile) -> dict[str, str]:
    """File name of each wheel, by its digest, which is its member's name."""
    first = archive.next()
    content = archive.extractfile(first) if first else None
    if first is None or first.name != "manifest.json" or content is None:
        raise ValueError("this is not a bundle")
    items = json.loads(content.read())["items"]
    # By its last part alone: a name never leaves the folder.
    return {i["sha256"]: Path(i["names"][0]).name for i in items if i["kind"] == "wheel"}


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Path:
    content = archive.extractfile(member)
    data = content.read() if content else b""
    if hashlib.sha256(data).hexdigest() != member.name:
        raise ValueError(f"{path.name} was altered or is cut off")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
    return path


def main() -> int:
    """The command."""
    if len(sys.argv) != 3:
        print("usage: python3 cluster/bundle/take_wheels.py BUNDLE FOLDER", file=sys.stderr)
        return 2
    try:
        written = take_wheels(Path(sys.argv[1]), Path(sys.argv[2]))
    except (OSError, ValueError) as error:
        print(f"take_wheels: {error}", file=sys.stderr)
        return 3
    print(f"{len(written)} packages are in {sys.argv[2]}")
    if not written:
        print("The bundle was made without --wheels.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
