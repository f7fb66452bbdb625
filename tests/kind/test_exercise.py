"""The hands-on exercise on real containers, as a learner does it: kubectl, and `--live`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cluster.model import ClusterStatus
from grader.load.labs import find_lab
from tests.integration.test_commands import Shell, shown

pytestmark = [pytest.mark.kind, pytest.mark.slow]

Json = dict[str, Any]
LAB = find_lab("14")
LIVE = "./mlk8s check 14 --cluster kind --live --json"


def lost(result: Json) -> dict[str, str]:
    """Checks that did not pass, with their status."""
    return {c["id"]: c["status"] for c in result["checks"] if c["status"] != "passed"}


def test_the_exercise_from_apply_to_proven_cleanup(running: ClusterStatus, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shutil.copytree(LAB.solution, tmp_path / "work" / LAB.id)
    played = json.loads(shell("./mlk8s check 14 --cluster kind --json"))
    assert lost(played) == {}
    assert played["score"] == played["max_score"]
    by_hand = [line for line in shown(LAB.readme) if line.startswith("./mlk8s kubectl")]
    assert "delete namespace" in by_hand[-1]
    for line in by_hand[:-1]:
        said = shell(line)
        if " run ask " in line:
            assert "positive" in said
    # Right so far, and still there: the cleanup is all that is missing.
    before = lost(json.loads(shell(LIVE, code=1)))
    assert before
    assert all("clean" in name for name in before), before
    shell(by_hand[-1])
    assert lost(json.loads(shell(LIVE))) == {}
