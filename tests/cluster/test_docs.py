"""The page for lab authors names every field that a model has, and its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cluster.model import Memory, ServerModel, VolumeSpec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulated-servers.md"


@pytest.mark.parametrize("model", [ServerModel, Memory])
def test_every_field_has_a_row(model: type[ServerModel] | type[Memory]) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert set(model.model_fields) <= set(rows)
    assert set(rows) == set(ServerModel.model_fields) | set(Memory.model_fields)


def test_the_examples_are_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks]
    servers = [server for block in found for server in block.get("servers", ())]
    volumes = [volume for block in found for volume in block.get("volumes", ())]
    assert servers
    assert volumes
    for server in servers:
        ServerModel.model_validate(server)
    for volume in volumes:
        VolumeSpec.model_validate({k: v for k, v in volume.items() if k != "claim"})
