"""A quote is found whatever a cluster made up, and only if it names the reason."""

from __future__ import annotations

from typing import Any

import pytest

from grader.judge.failure import CheckFailed
from grader.judge.language.words import Words, plain
from tests.grader.judge.build import Builder, event, pod, thing

SCHEDULER = (
    "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node"
    " affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available."
)
TAINT = "untolerated taint"


def words() -> Words:
    ended = {"reason": "OOMKilled", "exitCode": 137}
    entry: dict[str, Any] = {"name": "server", "lastState": {"terminated": ended}, "state": {}}
    made = Builder().begin("broken")
    made.change("added", pod("web-7d9f4c6b8-x2x9k", status={"containerStatuses": [entry]}))
    made.change("added", event("Pod/web-7d9f4c6b8-x2x9k", "FailedScheduling", SCHEDULER))
    said = "Back-off restarting failed container server in pod web-7d9f4c6b8-x2x9k_ml(" + UID + ")"
    made.change("added", event("Pod/web-7d9f4c6b8-x2x9k", "BackOff", said))
    made.change("added", thing("Service", "web", spec={"selector": {"app": "wep"}}))
    other = {"namespace": "other"}
    made.change("added", thing("Service", "x", spec={"selector": {"app": "x"}}, metadata=other))
    return made.view.during("broken").words("ml")


UID = "0f3c2d1e-0000-4000-8000-00000000abcd"


@pytest.mark.parametrize(
    ("quote", "naming"),
    [
        (SCHEDULER, TAINT),
        ("had untolerated taint(s)", TAINT),
        ("0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't", TAINT),
        (f"Warning  FailedScheduling  2m  default-scheduler  {SCHEDULER}", TAINT),
        ("  1 node(s) had\n  untolerated taint(s)", TAINT),
        ("OOMKilled", "OOMKilled|exit code 137"),
        ("exitCode: 137", "exit ?code:? *137"),
        ("Last State: Terminated\n  Reason: OOMKilled\n  Exit Code: 137", "OOMKilled"),
        ("Exit Code:    137", "exit ?code:? *137|OOMKilled"),
        ("app=wep", "app=wep"),
        ('"app": "wep"', "wep"),
        ("app: wep", "app[=:] ?wep"),
        ("back-off restarting failed container server in pod web-5c5c5c5c5c-abcde_ml("
         "11111111-2222-3333-4444-555555555555)", "Back-off"),
    ],
)  # fmt: skip
def test_quotes(quote: str, naming: str) -> None:
    words().quoted(quote, naming)


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("", "words quoted from ml"),
        (None, "words quoted from ml"),
        (17, "words quoted from ml"),
        ("a taint was untolerated by the pod", "words that were recorded"),
        ("the untolerated taint of the node", "words that were recorded"),
        ("nodes are available", "names the reason"),
        ("Back-off restarting failed container", "names the reason"),
        ("app=x1234", "words that were recorded"),
    ],
)
def test_no_quotes(quote: object, expected: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        words().quoted(quote, TAINT, "form.yaml:7")
    assert expected in failure.value.expected
    assert failure.value.where == "form.yaml:7"


def test_what_clusters_make_up_is_left_out() -> None:
    assert plain("Pod web-7d9f4c6b8-x2x9k at 10.0.0.17:8000") == "pod web-* at *:8000"
    assert plain("0/3 nodes") == plain("0/4 nodes")
