"""Image references, and which simulated server an image stands for."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.model import ServerModel


@dataclass(frozen=True)
class Reference:
    """A reference in full: `nginx` is repository `docker.io/library/nginx`, tag `latest`."""

    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag}"

    @property
    def id(self) -> str:
        """A stable imageID, as a container runtime reports it."""
        content = self.digest or "sha256:" + hashlib.sha256(str(self).encode()).hexdigest()
        return f"{self.repository}@{content}"


@functools.lru_cache(maxsize=4096)
def parse(image: str) -> Reference:
    """Read an image reference as container runtimes do: default registry, `library/`, `latest`."""
    rest, _, digest = image.strip().partition("@")
    head, separator, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    repository = f"{head}{separator}{name}"
    registry, _, path = repository.partition("/")
    is_host = "." in registry or ":" in registry or registry == "localhost"
    if not path or not is_host:
        registry, path = "docker.io", repository
    if registry in ("docker.io", "index.docker.io"):
        registry, path = "docker.io", path if "/" in path else f"library/{path}"
    repository = f"{registry}/{path}"
    return Reference(repository, tag or "latest", digest)


def find_server(
    image: str, servers: Sequence[ServerModel], container: str = ""
) -> ServerModel | None:
    """The server that runs in this image; None where no such image can be pulled.

    Among models of one repository, one that names the container comes before one that names none,
    and one that names the tag before one that allows any. A digest cannot be checked against tags,
    so any model of the repository serves it. An image whose models all name other containers can
    be pulled and does nothing in particular.
    """
    wanted = parse(image)
    same = [server for server in servers if parse(server.image).repository == wanted.repository]
    if not wanted.digest:
        named = [server for server in same if wanted.tag in server.tags]
        same = [*named, *(server for server in same if not server.tags)]
    for server in same:
        if container in server.containers:
            return server
    for server in same:
        if not server.containers:
            return server
    return ServerModel(image=same[0].image, tags=same[0].tags) if same else None
