"""Labs may describe one image differently, also at once on one cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.embedded.kubelet.client import Refused
from cluster.embedded.kubelet.servers import Known
from cluster.embedded.simulation import OWN, decode_servers, encode_servers
from cluster.model import ServerModel

IMAGE = "registry.example.com/sentiment-inference"
SLOW, QUICK = (ServerModel(image=IMAGE, port=8000, load=seconds) for seconds in (15, 6))
OTHER = ServerModel(image="nginx")


class Namespaces:
    """Answers with namespaces by name: the text of their annotation, if any."""

    def __init__(self, **texts: str | None) -> None:
        self.texts = texts
        self.asked: list[str] = []

    async def call(self, method: str, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.texts:
            raise Refused(404, "not found")
        text = self.texts[name]
        return {"metadata": {"annotations": {OWN: text}} if text is not None else {}}


def known(client: Namespaces) -> Known:
    found = Known(client)  # type: ignore[arg-type]
    found.everywhere = (SLOW, OTHER)
    return found


def test_servers_survive_being_written_down() -> None:
    assert decode_servers(encode_servers((SLOW, OTHER))) == (SLOW, OTHER)
    with pytest.raises(ValueError, match="Expecting"):
        decode_servers("no json")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (encode_servers((QUICK,)), (OTHER, QUICK)),
        (encode_servers(()), (SLOW, OTHER)),
        (None, (SLOW, OTHER)),
        ("no json", (SLOW, OTHER)),
    ],
)
def test_a_namespaces_own_servers_come_first(text: str | None, holds: Any) -> None:
    assert asyncio.run(known(Namespaces(ml=text)).of("ml")) == holds


def test_a_namespace_that_has_gone_has_none() -> None:
    assert asyncio.run(known(Namespaces()).of("ml")) == (SLOW, OTHER)


def test_a_namespace_is_asked_once_until_nothing_is_left_in_it() -> None:
    client = Namespaces(ml=encode_servers((QUICK,)), other=None)
    servers = known(client)

    async def ask() -> list[Any]:
        found = [await servers.of("ml"), await servers.of("ml"), await servers.of("other")]
        servers.everywhere = (OTHER,)
        found += [servers.now("ml"), servers.now("other")]
        servers.forget("ml")
        client.texts["ml"] = None
        return [*found, await servers.of("ml")]

    own, taught = (OTHER, QUICK), (SLOW, OTHER)
    assert asyncio.run(ask()) == [own, own, taught, own, (OTHER,), (OTHER,)]
    assert client.asked == ["ml", "other", "ml"]
