"""What every provider writes down about a cluster of its own: the record, and the kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cluster.paths import make_dir, write_whole

Kept = TypeVar("Kept", bound=BaseModel)


class RecordFile(Generic[Kept]):
    """One record in one file."""

    def __init__(self, path: Path, model: type[Kept]) -> None:
        self._path = path
        self._model = model

    def read(self) -> Kept | None:
        """The record, or None where there is none that can be read."""
        try:
            return self._model.model_validate_json(self._path.read_text())
        except (OSError, ValidationError):
            return None

    def write(self, record: Kept) -> None:
        """Store the record, whole or not at all; one that is there already is left as it is."""
        if self.read() == record:
            return
        make_dir(self._path.parent, 0o700)
        write_whole(self._path, record.model_dump_json(indent=2), 0o600)


def write_kubeconfig(path: Path, config: dict[str, Any], name: str) -> None:
    """Store a kubeconfig of one cluster and one user under our names: one context, mode 0600."""
    context = f"mlk8s-{name}" if name != "mlk8s" else "mlk8s"
    config["clusters"][0]["name"] = config["users"][0]["name"] = context
    config["contexts"] = [{"name": context, "context": {"cluster": context, "user": context}}]
    config["current-context"] = context
    write_whole(path, yaml.safe_dump(config), 0o600)
