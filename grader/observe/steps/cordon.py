"""The step `cordon`: nodes take no new Pods."""

from __future__ import annotations

from grader.model.scenario import Cordon
from grader.observe.apply import remember
from grader.observe.client import MERGE
from grader.observe.kinds import KNOWN
from grader.observe.stage import Stage


def play_cordon(stage: Stage, action: Cordon) -> None:
    """Make the nodes unschedulable; they are put back when the run ends."""
    for name in action.nodes:
        cordon(stage, name)


def cordon(stage: Stage, name: str) -> None:
    """Make one node unschedulable and record the answer."""
    node = KNOWN["Node"]
    remember(stage, name)
    change = {"spec": {"unschedulable": True}}
    said = stage.api.call("PATCH", node.path(name=name), change, content=MERGE)
    stage.answer("patch", f"Node/{name}", said)
    stage.expect(node, "", name, said)
