"""Objects of one name in several namespaces must never be taken for one another.

A lab with several namespaces says which one it means (`recording.inside("ml-online")`). Where it
does not, and a name is there twice, that is an error of the lab, not of the learner.
"""

from __future__ import annotations

from grader.errors import CourseError
from grader.judge.language.state import Endpoint, State
from grader.model.recording import Object


def only(state: State, kind: str, name: str) -> Object | None:
    """The one object of this name, or None."""
    found = [obj for obj in state.objects(kind) if obj["metadata"]["name"] == name]
    return next(iter(one_place(found, f"{kind}/{name}")), None)


def one_place(found: list[Object], of: str | None) -> list[Object]:
    """The same objects, once it is sure that all are in one namespace; all of them without `of`."""
    spaces = sorted({str(obj["metadata"].get("namespace") or "") for obj in found})
    if of is not None and len(spaces) > 1:
        raise CourseError(f"{of} is in {' and in '.join(spaces)}: say which with inside(namespace)")
    return found


def endpoints_of(state: State, service: str) -> list[Endpoint]:
    """Ready endpoints of the one Service of this name."""
    label = "kubernetes.io/service-name"
    slices = state.objects("EndpointSlice")
    mine = [s for s in slices if (s["metadata"].get("labels") or {}).get(label) == service]
    one_place(mine, f"Service/{service}")
    return state.endpoints(service)
