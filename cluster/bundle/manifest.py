"""What is in a bundle, and in this machine's store: an entry for each file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import ClusterError

FORMAT: Literal[1] = 1

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["node-image", "image", "binary", "wheel", "definition"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Model):
    """One file. `names` are an image's names in full, or the one file name of anything else.

    `stand_in` marks an image that bears a public name but was made by this project or from Debian's
    packages; `origin` says of what. `key` tells builds of the same name apart (see `Store.find`).
    """

    kind: Kind
    names: tuple[str, ...] = Field(min_length=1)
    version: str
    sha256: Digest
    size: int = Field(ge=0)
    origin: str
    stand_in: bool = False
    key: str = ""


class Manifest(_Model):
    """The first member of a bundle."""

    format: Literal[1] = FORMAT
    kubernetes_version: str
    platform: str
    created: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of all items, each content counted once."""
        return sum({item.sha256: item.size for item in self.items}.values())


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Read a manifest. Raises ClusterError with one sentence if it is not one that we know."""
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the manifest"
        raise ClusterError(f"{where} is not a bundle: {place}: {first['msg']}.") from error
