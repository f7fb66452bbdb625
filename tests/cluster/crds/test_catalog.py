"""The pinned sets are whole, and a person can install them by hand."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from cluster.crds.catalog import CRD_SETS, CrdSetName


def test_every_name_has_a_set() -> None:
    assert set(CRD_SETS) == set(get_args(CrdSetName))


@pytest.mark.parametrize("name", sorted(CRD_SETS))
def test_a_set_says_where_it_is_from(name: CrdSetName) -> None:
    crds = CRD_SETS[name]
    assert crds.version in crds.raw
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in crds.files)
    assert len({file.name for file in crds.files}) == len(crds.files)
    assert all(f"{crds.raw}/{file.path}" in crds.installed_by for file in crds.files)
