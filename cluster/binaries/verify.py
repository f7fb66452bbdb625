"""What version a program is, found by running it, remembered as long as the file is the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cluster.binaries.catalog import Tool, acceptable, parse_version
from cluster.errors import ClusterError
from cluster.paths import cache_dir, make_dir, write_whole


def version_of(tool: Tool, path: Path) -> str:
    """The version that a program reports; empty if it cannot be run."""
    try:
        done = subprocess.run(
            [str(path), *tool.version_arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return parse_version(done.stdout) if done.returncode == 0 else ""


def is_right(tool: Tool, path: Path) -> bool:
    """Whether this program runs and has an acceptable version.

    Remembers answers by file and age, so that programs on PATH are not run again at each start.
    """
    try:
        facts = path.resolve().stat()
    except OSError:
        return False
    key = f"{path.resolve()}:{facts.st_size}:{facts.st_mtime_ns}"
    memory = cache_dir() / "versions.json"
    try:
        known = json.loads(memory.read_text())
        if not isinstance(known, dict):
            known = {}
    except (OSError, ValueError):
        known = {}
    if key not in known:
        known = (
            {**known, key: version_of(tool, path)}
            if len(known) < 200
            else {key: version_of(tool, path)}
        )
        try:
            make_dir(memory.parent)
            write_whole(memory, json.dumps(known, indent=1))
        except ClusterError:
            pass  # only a memory; a full disk will be noticed where it matters
    return acceptable(tool, str(known[key]))
