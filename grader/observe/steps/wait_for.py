"""The step `wait-for`: until one object is as the scenario says."""

from __future__ import annotations

import time
from typing import Any

from grader.errors import CourseError
from grader.model.paths import parse_path
from grader.model.recording import Object
from grader.model.scenario import WaitFor
from grader.observe.stage import Stage
from grader.observe.steps.workload import kind_and_name
from grader.observe.waiting import DELIVERY, SHORTEST_END, TOO_LONG, Outcome, limit

REACHED = "reached"


def play_wait_for(stage: Stage, action: WaitFor) -> Outcome:
    """Wait at the watch; ends with the very change that brings it."""
    kind, name = kind_and_name(action.object)
    if all(known.name != kind for known in stage.watched):
        raise CourseError(f"The step {stage.step} waits for {kind} objects, which the lab forbids.")
    space = stage.namespace_of(action.namespace)
    namespace = "" if kind in {k.name for k in stage.watched if not k.namespaced} else space
    recorder, until = stage.recorder, time.monotonic() + limit(stage, action.within, SHORTEST_END)

    def holds() -> bool:
        return is_so(action, recorder.find(kind, name, namespace))

    # What the step before has changed must have been delivered, or an old state might do.
    stage.sync((kind,), DELIVERY)
    if recorder.wait(holds, max(0.0, until - time.monotonic())):
        return Outcome(REACHED)
    return Outcome(TOO_LONG, [f"{action.object}: {wish(action)}"])


def is_so(action: WaitFor, found: Object | None) -> bool:
    """Whether an object, or its absence, is what was waited for."""
    if action.gone:
        return found is None
    if found is None:
        return False
    if action.condition is not None:
        conditions = (found.get("status") or {}).get("conditions") or []
        return any(
            c.get("type") == action.condition and c.get("status") == "True" for c in conditions
        )
    value = dig(found, action.path or "")
    if "equals" in action.model_fields_set:
        return bool(
            value == action.equals and isinstance(value, bool) == isinstance(action.equals, bool)
        )
    number = value if isinstance(value, int | float) else 0
    enough = action.at_least is None or number >= action.at_least
    return enough and (action.at_most is None or number <= action.at_most)


def wish(action: WaitFor) -> str:
    """What is waited for, in words."""
    if action.gone:
        return "to be gone"
    if action.condition is not None:
        return f"condition {action.condition} to be True"
    if "equals" in action.model_fields_set:
        return f"{action.path} to be {action.equals!r}"
    bounds = (("at least", action.at_least), ("at most", action.at_most))
    words = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    return f"{action.path} to be {words}"


def dig(found: Object, path: str) -> Any:
    """The value at a field path; None where there is none."""
    value: Any = found
    for step in parse_path(path):
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
