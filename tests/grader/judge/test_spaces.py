"""Words for several namespaces, series, permissions and evictions."""

from __future__ import annotations

from typing import Any

import pytest

from grader.errors import CourseError
from grader.judge.failure import CheckFailed
from grader.judge.language.span import RecordingView
from grader.model.recording import Sample
from tests.grader.judge.build import Builder, event, pod, slice_of, thing

ONLINE, BATCH = "ml-online", "ml-batch"


def there(found: Any, namespace: str) -> Any:
    found["metadata"] |= {"namespace": namespace, "uid": f"{namespace}-{found['metadata']['uid']}"}
    for reference in found["metadata"].get("ownerReferences") or []:
        reference["uid"] = f"{namespace}-{reference['uid']}"
    return found


def two_spaces() -> RecordingView:
    """`Deployment/web` in two namespaces, with 3 replicas in the first and 1 in the second."""
    made = Builder()
    made.recording.namespaces = (ONLINE, BATCH)
    made.begin("apply").change("added", thing("Node", "n1", metadata={"namespace": None}))
    for space, replicas in ((ONLINE, 3), (BATCH, 1)):
        web = thing("Deployment", "web", spec={"replicas": replicas})
        made.change("added", there(web, space))
        made.change(
            "added", there(thing("ReplicaSet", "web-1", owner=("Deployment", "web")), space)
        )
        for number in range(replicas):
            one = pod(f"web-{space}-{number}", owner=("ReplicaSet", "web-1"))
            made.change("added", there(one, space))
        names = [f"web-{space}-{number}" for number in range(replicas)]
        made.change("added", there(slice_of("web", *names), space))
        made.change("added", there(event("Deployment/web", "Scaled", f"to {replicas}"), space))
        made.answer(step="apply", target="Deployment/web", namespace=space, code=201)
    return made.end("apply").view


@pytest.mark.parametrize(("namespace", "replicas"), [(ONLINE, 3), (BATCH, 1)])
def test_inside_sees_one_namespace_and_what_is_in_none(namespace: str, replicas: int) -> None:
    for span in (two_spaces().inside(namespace), two_spaces().during("apply").inside(namespace)):
        found = span.object("Deployment", "web").last
        assert found is not None
        assert found["metadata"]["namespace"] == namespace
        assert len(span.pods(of="Deployment/web").last) == replicas
        assert len(span.ready_pods().last) == replicas
        assert len(span.endpoints("web").last) == replicas
        assert len(span.replica_sets("Deployment/web").last) == 1
        assert len(span.node_of_pods(of="Deployment/web").last) == replicas
        assert [m.value for m in span.replicas("Deployment/web").values()] == [None, replicas]
        assert len(span.objects("Deployment").last) == 1
        assert span.object("Node", "n1").last is not None
        assert len(span.events("Deployment/web").found) == 1
        assert [answer.namespace for answer in span.answers().found] == [namespace]


def test_inside_holds_for_its_steps() -> None:
    span = two_spaces().inside(BATCH).during("apply")
    assert span.replicas("Deployment/web").last == 1


def test_a_name_that_is_there_twice_is_never_guessed() -> None:
    view = two_spaces()
    for ask in (
        lambda: view.object("Deployment", "web"),
        lambda: view.pods(of="Deployment/web"),
        lambda: view.ready_pods(of="Deployment/web"),
        lambda: view.endpoints("web"),
        lambda: view.replica_sets("Deployment/web"),
        lambda: view.replicas("Deployment/web"),
        lambda: view.node_of_pods(of="Deployment/web"),
    ):
        with pytest.raises(CourseError, match="say which with inside"):
            ask()
    assert len(view.pods().last) == 4
    assert len(view.objects("Deployment").last) == 2


def test_a_namespace_that_the_lab_does_not_have_is_an_error() -> None:
    with pytest.raises(CourseError, match="it has ml-online, ml-batch"):
        two_spaces().inside("ml-onlin")


# Series


def a_sample(at: float, series: str, name: str, value: float, namespace: str = "ml") -> Sample:
    return Sample(at, "load", series, name, namespace, value)


def loaded() -> Builder:
    """Two Pods of web and one other, measured three times; a load that begins and doubles."""
    made = Builder().begin("apply")  # second 1
    made.change("added", thing("Deployment", "web", spec={}))
    made.change("added", thing("ReplicaSet", "web-1", owner=("Deployment", "web")))
    for name in ("web-a", "web-b"):
        made.change("added", pod(name, owner=("ReplicaSet", "web-1")))
    made.change("added", pod("other"))
    made.end("apply").begin("load").end("load").begin("more").end("more")  # seconds 7 to 11
    made.recording.samples = [
        *(a_sample(7.5, "cpu", f"Pod/{name}", 0.02) for name in ("web-a", "web-b", "other")),
        a_sample(8.1, "rate", "Service/web", 60.0),
        *(a_sample(8.5, "cpu", f"Pod/{name}", 0.32) for name in ("web-a", "web-b")),
        a_sample(8.5, "cpu", "Pod/other", 0.02),
        a_sample(10.1, "rate", "Service/web", 120.0),
        a_sample(10.2, "queue", "queue_length{queue=x}", 40.0),
        a_sample(10.5, "cpu", "Pod/web-a", 0.62),
    ]
    return made


def test_a_series_is_a_timeline_of_values_by_pod() -> None:
    cpu = loaded().view.during("load").series("cpu", of="Deployment/web")
    assert [moment.value for moment in cpu.moments] == [
        {"web-a": 0.02, "web-b": 0.02},
        {"web-a": 0.32, "web-b": 0.32},
    ]
    cpu.finally_(lambda used: sum(used.values()) < 0.7, "less than 700m together")
    with pytest.raises(CheckFailed) as failure:
        cpu.always(lambda used: max(used.values()) < 0.1, "idle")
    assert failure.value.where == "0.5 s into load"


def test_a_pod_that_is_not_measured_has_no_value() -> None:
    view = loaded().view
    assert view.series("cpu").last == {"web-a": 0.62}
    assert view.during("more").series("cpu", of="Pod/web-b").last == {}


def test_a_rate_stays_until_it_is_changed() -> None:
    view = loaded().view
    assert view.during("apply").series("rate").last == {}
    assert view.during("load").series("rate").last == {"web": 60.0}
    rate = view.during("more").series("rate", of="Service/web")
    assert [moment.value for moment in rate.moments] == [{"web": 60.0}, {"web": 120.0}]
    assert view.series("queue").last == {"queue_length{queue=x}": 40.0}
    assert view.during("more").series("rate", of="Service/none").last == {}


def test_series_of_two_namespaces_are_not_mixed_up() -> None:
    made = loaded()
    made.recording.namespaces = ("ml", "other")
    made.recording.samples.append(a_sample(10.6, "cpu", "Pod/web-a", 0.1, "other"))
    assert made.view.inside("other").series("cpu").last == {"web-a": 0.1}
    with pytest.raises(CourseError, match="several namespaces"):
        made.view.series("cpu")


def test_there_are_no_other_series() -> None:
    with pytest.raises(CourseError, match="no series 'latency'"):
        loaded().view.series("latency")


# Permissions


def asked() -> Builder:
    who = {"verb": "may", "actor": "ServiceAccount/deployer", "namespace": "ml"}
    made = Builder().begin("may")
    said = "RBAC: allowed by RoleBinding deployer"
    made.answer(step="may", target="patch deployments.apps", code=200, message=said, **who)
    made.answer(step="may", target="get secrets key", code=403, **who)
    for space in ("ml", "other"):
        made.answer(step="may", target="get pods", code=200, **{**who, "namespace": space})
    return made.end("may")


def test_permissions() -> None:
    view = asked().view
    who = "ServiceAccount/deployer"
    allowed = view.may("patch", "deployments.apps", who=who)
    assert allowed.is_allowed().allowed
    denied = view.during("may").may("get", "secrets", who=who, name="key")
    assert not denied.is_denied().allowed
    with pytest.raises(CheckFailed) as failure:
        allowed.is_denied()
    assert failure.value.expected == (
        "ServiceAccount/deployer not to be allowed to patch deployments.apps in namespace ml"
    )
    assert "RoleBinding deployer" in failure.value.observed
    with pytest.raises(CheckFailed, match="no Role or ClusterRole grants it"):
        denied.is_allowed()


def test_what_was_not_asked_is_an_error_of_the_lab() -> None:
    view = asked().view
    with pytest.raises(CourseError, match="is not asked"):
        view.may("patch", "deployments.apps", who="ServiceAccount/other")
    with pytest.raises(CourseError, match="several namespaces"):
        view.may("get", "pods", who="ServiceAccount/deployer")
    assert view.may("get", "pods", who="ServiceAccount/deployer", namespace="ml").allowed


# Evictions


def drained(*codes: tuple[str, int]) -> RecordingView:
    made = Builder().change("added", thing("Deployment", "web", spec={}))
    made.change("added", thing("ReplicaSet", "web-1", owner=("Deployment", "web")))
    for name in ("a", "b"):
        made.change("added", pod(name, owner=("ReplicaSet", "web-1")))
    made.begin("drain")
    for name, code in codes:
        message = "violates the budget" if code == 429 else ""
        made.answer(
            step="drain",
            verb="evict",
            target=f"Pod/{name}",
            code=code,
            message=message,
            namespace="ml",
        )
    return made.end("drain").view


def test_evictions_that_are_all_let_go() -> None:
    gone = drained(("a", 201), ("b", 429), ("b", 201), ("c", 429)).evictions("Deployment/web")
    gone.all_let_go().some_refused("budget")
    assert ([a.target for a in gone.let_go], gone.held) == (["Pod/a", "Pod/b"], [])
    with pytest.raises(CheckFailed, match="let go at once"):
        gone.none_refused()


def test_evictions_that_are_held() -> None:
    held = drained(("a", 201), ("b", 429)).during("drain").evictions()
    with pytest.raises(CheckFailed) as failure:
        held.all_let_go()
    assert failure.value.expected == "Pod/b to be evicted"
    with pytest.raises(CheckFailed, match="a refusal"):
        drained(("a", 201)).evictions().some_refused()
    drained(("a", 201)).evictions().none_refused()


@pytest.mark.parametrize("word", ["all_let_go", "some_refused", "none_refused"])
def test_no_evictions_prove_nothing(word: str) -> None:
    with pytest.raises(CheckFailed, match="there was none"):
        getattr(drained().evictions(), word)()
