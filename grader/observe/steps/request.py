"""The step `request`: an HTTP GET to a Service, through the API server's proxy."""

from __future__ import annotations

import time

from grader.model.scenario import Request
from grader.observe.client import ApiAnswer
from grader.observe.stage import Stage

_TRIES = 5
_NOT_YET = (502, 503, 504)
_LONGEST_BODY = 65536


def play_request(stage: Stage, action: Request) -> None:
    """Send the request, or record that nothing could answer it."""
    namespace = stage.namespace_of(action.namespace)
    said, body = request(stage, action, namespace)
    stage.answer("request", target_of(action), said, body=body, namespace=namespace)


def target_of(action: Request) -> str:
    """The request as a report shows it: `Service/web:80/predict`."""
    return f"Service/{action.service}:{action.port}/{action.path.lstrip('/')}"


def request(stage: Stage, action: Request, namespace: str) -> tuple[ApiAnswer, str]:
    """The Service's answer and its text; code 0 where containers are simulated."""
    if stage.simulated:
        return ApiAnswer(0, "NotPossible", "Containers are simulated here; none can answer."), ""
    base = stage.path("Service", namespace, f"{action.service}:{action.port}")
    path = f"{base}/proxy/{action.path.lstrip('/')}"
    for attempt in range(_TRIES):
        said = stage.api.call("GET", path, accept="*/*")
        if said.code not in _NOT_YET or attempt == _TRIES - 1:
            break
        time.sleep(0.5)
    return said, said.text[:_LONGEST_BODY]
