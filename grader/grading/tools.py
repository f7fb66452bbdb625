"""Programs that a lab's scenario needs besides its cluster, made ready before it is played."""

from __future__ import annotations

from cluster.model import Progress, silent
from grader.model.lab import Lab

_TOOLS = {"rules": "promtool"}
"""Which program a step needs. It is fetched or built once, and only for a lab that has the step."""


def prepare_tools(lab: Lab, progress: Progress = silent) -> None:
    """Fetch what is missing, telling so. Raises ClusterError where it cannot be had."""
    wanted = {_TOOLS[step.kind] for step in lab.file.scenario if step.kind in _TOOLS}
    if wanted:
        from cluster.binaries import ensure

        ensure(sorted(wanted), progress)
