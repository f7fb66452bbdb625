"""The step `request`: an HTTP GET to a Service, through the API server or from a Pod of its own."""

from __future__ import annotations

import itertools
import time
from typing import Any

from grader.errors import MachineError
from grader.model.scenario import Request
from grader.observe.client import ApiAnswer
from grader.observe.counts import is_over
from grader.observe.stage import Stage

_TRIES = 5
_NOT_YET = (502, 503, 504)
_LONGEST_BODY = 65536


def play_request(stage: Stage, action: Request) -> None:
    """Send the request, or record that nothing could answer it."""
    namespace = stage.namespace_of(action.namespace)
    send = request_inside if action.inside and not stage.simulated else request
    said, body = send(stage, action, namespace)
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


CURL = "curlimages/curl:8.10.1"
_STARTS = 60.0
_AGAIN = 15.0
"""Seconds for which an answer that does not come is asked for again: the cluster's DNS and the
nodes learn of a new Service and its endpoints a little after those who watch the API server."""
_ARGUMENTS = ("--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}")


def request_inside(stage: Stage, action: Request, namespace: str) -> tuple[ApiAnswer, str]:
    """The Service's answer to a Pod in its namespace; code 0 where none came.

    Raises MachineError when the Pod itself cannot run.
    """
    until = time.monotonic() + _AGAIN
    url = f"http://{action.service}:{action.port}/{action.path.lstrip('/')}"
    for attempt in itertools.count(1):
        name = f"{stage.isolation.visitor}-{attempt}"
        made = stage.api.call("POST", stage.path("Pod", namespace), _visitor(name, url))
        if not made.ok:
            return ApiAnswer(0, made.reason, f"No Pod could be made to ask: {made.message}"), ""
        said, body = _answer_in(_log_of(stage, action, namespace, name))
        if said.code not in (0, *_NOT_YET) or time.monotonic() > until:
            break
        time.sleep(0.5)
    return said, body


def _log_of(stage: Stage, action: Request, namespace: str, name: str) -> str:
    """What the Pod that asks has written once it is over; then it is removed."""
    where = stage.path("Pod", namespace, name)
    try:
        stage.recorder.wait(lambda: _over(stage, namespace, name), _STARTS)
        pod = stage.api.get(where).body
        if not is_over(pod):
            raise MachineError(f"The Pod that asks {target_of(action)} did not run in time.")
        return stage.api.call("GET", f"{where}/log", accept="*/*").text
    finally:
        stage.api.call("DELETE", where, query={"gracePeriodSeconds": "0"})


def _over(stage: Stage, namespace: str, name: str) -> bool:
    pod = stage.recorder.find("Pod", name, namespace)
    return pod is not None and is_over(pod)


def _answer_in(log: str) -> tuple[ApiAnswer, str]:
    """curl's output: the body, and the status in the last line; what went wrong goes before."""
    body, _, code = log.rstrip().rpartition("\n")
    if not code.isdigit() or int(code) == 0:
        return ApiAnswer(0, "NoAnswer", (body or log).strip()[-500:]), ""
    return ApiAnswer(int(code)), body[:_LONGEST_BODY]


def _visitor(name: str, url: str) -> dict[str, Any]:
    """A Pod that the strictest Pod Security level and any quota admit."""
    amounts = {"cpu": "50m", "memory": "32Mi"}
    return {
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(_STARTS),
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "curl",
                    "image": CURL,
                    "imagePullPolicy": "IfNotPresent",
                    "args": [*_ARGUMENTS, url],
                    "resources": {"requests": amounts, "limits": amounts},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "runAsUser": 100,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }
