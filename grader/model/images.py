"""Image references, compared by what they name.

`nginx:1.27-alpine` and `docker.io/library/nginx:1.27-alpine` are the same image to a kubelet; so
they are to a check. The rules are those of the reference grammar of container registries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"

_OLD_REGISTRIES = ("index.docker.io", "registry-1.docker.io")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_HOST_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(
    rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?", re.ASCII
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}", re.ASCII)
_MAX_REPOSITORY = 255


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image by its full name. With a digest and no tag, `tag` is empty.

    >>> ImageRef.parse("nginx") == ImageRef.parse("docker.io/library/nginx:latest")
    True
    """

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read a reference as the container runtime does; ValueError where it is none."""
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is not an image reference: it is not text")
        name, at, digest = text.partition("@")
        name, tag = _split_tag(name)
        registry, repository = _split_registry(name)
        wrong = (
            _REGISTRY.fullmatch(registry) is None
            or _REPOSITORY.fullmatch(repository) is None
            or len(repository) > _MAX_REPOSITORY
            or (tag is not None and _TAG.fullmatch(tag) is None)
            or (bool(at) and _DIGEST.fullmatch(digest) is None)
        )
        if wrong:
            raise ValueError(f"{text[:200]!r} is not an image reference")
        if tag is None:
            tag = "" if digest else DEFAULT_TAG
        return cls(registry, repository, tag, digest.lower())

    @property
    def is_pinned(self) -> bool:
        """Named by digest: it can never mean another image."""
        return bool(self.digest)

    @property
    def is_latest(self) -> bool:
        """Named by the moving tag `latest`, written or implied."""
        return not self.digest and self.tag == DEFAULT_TAG

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def same_image(one: object, other: object) -> bool:
    """Whether both are references to the same image; False where one of them is no reference."""
    try:
        return ImageRef.parse(str(one)) == ImageRef.parse(str(other))
    except ValueError:
        return False


def _split_tag(name: str) -> tuple[str, str | None]:
    """A colon after the last slash begins the tag; one before it begins a port."""
    head, colon, tail = name.rpartition(":")
    if colon and "/" not in tail:
        return head, tail
    return name, None


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        first, rest = DEFAULT_REGISTRY, name
    if first in _OLD_REGISTRIES:
        first = DEFAULT_REGISTRY
    if first == DEFAULT_REGISTRY and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest
