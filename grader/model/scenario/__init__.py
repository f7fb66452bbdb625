"""The steps that a lab's scenario may have, as lab.yaml writes them.

A step is a mapping with one action, and optionally `as`, the name under which checks find it:

    scenario:
      - apply: {}
      - load: {service: web, rate: 120}
      - roll: {object: Deployment/web, container: server, image: "web:v2", settle: false}
      - wait-for: {object: Deployment/web, path: status.updatedReplicas, at_least: 1}
      - kill: {of: Deployment/web}
        as: crash

An action lets the cluster settle before the next one begins, unless it says `settle: false`. The
recording marks where each step began; `recording.during("roll")` reaches to the next step. Steps
that only wait belong to the step before them unless they have a name. Every action takes
`namespace`, `within` and `settle`; the rest is told by its class:

- `objects`: apply, clone, send, may, delete
- `workloads`: roll, scale, undo, delete-pod, kill, finish, trigger
- `nodes`: cordon, drain
- `traffic`: load, queue, request
- `waits`: settle, wait-for, wait-gone
- `tools`: rules
"""

from grader.model.scenario.base import Action, DnsLabel, ObjectRef
from grader.model.scenario.nodes import Cordon, Drain
from grader.model.scenario.objects import Apply, Ask, Clone, Delete, May, Send
from grader.model.scenario.step import ACTIONS, UNNAMED, Step
from grader.model.scenario.tools import Rules
from grader.model.scenario.traffic import Load, Queue, Request
from grader.model.scenario.waits import Settle, WaitFor, WaitGone
from grader.model.scenario.workloads import DeletePod, Finish, Kill, Roll, Scale, Trigger, Undo

__all__ = [
    "ACTIONS",
    "UNNAMED",
    "Action",
    "Apply",
    "Ask",
    "Clone",
    "Cordon",
    "Delete",
    "DeletePod",
    "DnsLabel",
    "Drain",
    "Finish",
    "Kill",
    "Load",
    "May",
    "ObjectRef",
    "Queue",
    "Request",
    "Roll",
    "Rules",
    "Scale",
    "Send",
    "Settle",
    "Step",
    "Trigger",
    "Undo",
    "WaitFor",
    "WaitGone",
]
