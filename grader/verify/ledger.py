"""Rounds of proofs in a file, so that hours of them survive whatever ends the process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.paths import write_whole
from grader.errors import MachineError, UsageError
from grader.model.lab import Lab
from grader.verify.compare import Proof

_KEPT = tuple(f.name for f in fields(Proof) if f.name != "statuses")
"""Statuses of each check would make the file a hundred times larger."""
ABOVE = ("classroom", "cli", "notebook", "pytest_plugin.py", "quiz")
"""Of `grader`, what no verdict can depend on: import-linter keeps all that plays and judges from
importing it, so a notebook may change its looks without a new series of rounds."""


def state_of(labs: Sequence[Lab], cluster: str, seeds: Sequence[str]) -> str:
    """A digest of all that a verdict may depend on: the code, these labs, their corpora, and how
    they are proven. Rounds of another state say nothing about this one."""
    import cluster as clusters
    import grader

    digest = hashlib.sha256(json.dumps([cluster, list(seeds)]).encode())
    roots = [Path(str(package.__file__)).parent for package in (grader, clusters)]
    for lab in labs:
        roots += [lab.root, lab.solution, *filter(None, [lab.submissions])]
    for root in roots:
        for path in sorted(_files(root)):
            if root.name == grader.__name__ and path.relative_to(root).parts[0] in ABOVE:
                continue
            content = path.read_bytes()
            name = f"{root.name}/{path.relative_to(root)}"
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterable[Path]:
    return (p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


class Ledger:
    """The rounds of one state in a file of JSON lines; lines of other states are left alone."""

    def __init__(self, path: Path, state: str) -> None:
        self._path = path
        self._state = state
        self._lines = self._read()

    def _read(self) -> list[dict[str, Any]]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self._path} cannot be read: {error}.") from error
        try:
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
            for line in lines:
                _proofs(line)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f"{self._path} is no ledger of proofs.", "name another file after --ledger"
            ) from error
        return lines

    def rounds(self) -> list[list[Proof]]:
        """The rounds that this state has had, in order."""
        return [_proofs(line) for line in self._lines if line["state"] == self._state]

    def add(self, proofs: Sequence[Proof]) -> None:
        """Write down one more round. Raises MachineError when the disk is full."""
        line = {
            "state": self._state,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            # Averages of the last 1, 5 and 15 minutes: how busy the machine was.
            "load": [round(average, 1) for average in os.getloadavg()],
            "proofs": [{name: getattr(proof, name) for name in _KEPT} for proof in proofs],
        }
        self._lines.append(line)
        text = "".join(json.dumps(one) + "\n" for one in self._lines)
        try:
            write_whole(self._path, text)
        except ClusterError as error:
            raise MachineError(str(error)) from error


def _proofs(line: dict[str, Any]) -> list[Proof]:
    str(line["state"])
    return [Proof(**proof) for proof in line["proofs"]]
