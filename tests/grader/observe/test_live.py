from __future__ import annotations

from dataclasses import replace

import pytest

from grader.model.recording import Change, Mark, Recording
from grader.observe.live import ReadOnlyApi, _can_continue, _last_states, _still_there
from tests.grader.observe.samples import a_lab, a_recording, an_object


def looked(**more: object) -> Recording:
    changes = [
        Change(0.0, 1, "present", an_object("Namespace", "ml")),
        Change(0.0, 2, "present", an_object("Pod", "a")),
        Change(0.0, 3, "present", an_object("Node", "n1")),
        Change(0.1, 4, "present", an_object("Pod", "b")),
        Change(0.2, 5, "deleted", an_object("Pod", "b")),
    ]
    marks = [Mark(0.0, 4, "apply", "apply", "begin", "", {"cluster": "uid-1"})]
    return replace(a_recording(), live=True, changes=changes, marks=marks, **more)  # type: ignore[arg-type]


def test_what_goes_with_a_namespace() -> None:
    assert sorted(kind for kind, _, _ in _last_states(looked())) == ["Namespace", "Pod"]
    assert _still_there(looked())


def test_which_earlier_look_can_be_continued() -> None:
    lab = a_lab()
    assert _can_continue(looked(), lab, "uid-1")
    assert not _can_continue(looked(), lab, "uid-2"), "another cluster"
    assert not _can_continue(looked(fault="broken"), lab, "uid-1")
    assert not _can_continue(replace(looked(), live=False), lab, "uid-1")
    assert not _can_continue(looked(lab="04-other"), lab, "uid-1")
    assert not _can_continue(replace(looked(), changes=[]), lab, "uid-1"), "nothing was there"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_live_look_cannot_change_anything(method: str) -> None:
    api = ReadOnlyApi.__new__(ReadOnlyApi)
    with pytest.raises(RuntimeError, match="would change"):
        api.call(method, "/api/v1/namespaces/ml")
    with pytest.raises(RuntimeError, match="would change"):
        api.call(method, "/api/v1/namespaces/ml", query={"force": "true"})
