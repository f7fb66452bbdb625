from __future__ import annotations

import _thread
import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.embedded.state import Folder
from cluster.model import ClusterSpec, ClusterStatus
from cluster.processes import myself
from grader.errors import MachineError
from grader.observe import Interrupted, observe, signs
from grader.observe import isolation as place
from grader.observe import watch as watching
from grader.observe.hub import WatchHub
from grader.observe.kinds import KNOWN, Kind
from grader.observe.names import Names
from grader.observe.recorder import Recorder
from grader.observe.session import Session
from grader.observe.watch import Feed
from tests.integration.observe.workload import (
    IMAGE,
    SERVER,
    lab_with,
    names,
    notes,
    runs_left,
    web,
)

pytestmark = pytest.mark.embedded

CONFIGS = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"


@pytest.fixture
def counter(session: Session) -> Iterator[str]:
    """A ConfigMap in which a test counts, so that every change can be told."""
    name = f"counter-{time.monotonic_ns()}"
    assert session.api.call("POST", CONFIGS, {"metadata": {"name": name}, "data": {"n": "0"}}).ok
    yield name
    session.api.call("DELETE", f"{CONFIGS}/{name}")


@pytest.fixture
def following(session: Session) -> Iterator[tuple[WatchHub, Recorder]]:
    hub = WatchHub(session.api, ("default",))
    recorder = Recorder(Names.unchanged(("default",)))
    hub.follow(recorder, [KNOWN["ConfigMap"]], ("default",))
    yield hub, recorder
    hub.close()


def counted(recorder: Recorder, name: str) -> list[int]:
    objects = [c.object for c in recorder.in_order() if c.object["metadata"]["name"] == name]
    return [int(obj["data"]["n"]) for obj in objects]


def count_to(session: Session, name: str, number: int) -> int:
    change = {"data": {"n": str(number)}}
    said = session.api.call("PATCH", f"{CONFIGS}/{name}", change, content=MERGE)
    assert said.ok
    return said.version


def test_dropped_connections_lose_nothing(
    session: Session, counter: str, following: tuple[WatchHub, Recorder]
) -> None:
    hub, recorder = following
    for number in range(1, 61):
        if number % 10 == 0:
            hub.feeds()[0].drop_connection()
        last = count_to(session, counter, number)
    assert recorder.wait(lambda: recorder.has_seen("ConfigMap", ("default", counter), last), 20)
    assert counted(recorder, counter) == list(range(61))
    assert recorder.gaps == []


GROUP = "test.mlk8s.dev"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TALLY = Kind("Tally", f"{GROUP}/v1", "tallies")


@pytest.fixture
def young_kind(session: Session) -> Iterator[Kind]:
    """A kind that the server has known for a moment only, so that old versions are too old."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd = {
        "metadata": {"name": f"tallies.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Tally", "plural": "tallies"},
            "versions": [version],
        },
    }
    assert session.api.call("POST", CRDS, crd).ok
    until = time.monotonic() + 20
    while not session.api.get(TALLY.path("default")).ok and time.monotonic() < until:
        time.sleep(0.05)
    yield TALLY
    session.api.call("DELETE", f"{CRDS}/tallies.{GROUP}")


def forget(feed: Feed) -> None:
    """Let a watch resume from a version that the server does not know any more."""
    until = time.monotonic() + 20
    while feed._stream is None and time.monotonic() < until:
        time.sleep(0.01)
    feed._version = "1"
    feed.drop_connection()


def test_gone_is_told_as_a_gap_and_the_state_is_known_again(
    session: Session, young_kind: Kind
) -> None:
    def create(name: str) -> None:
        body = {"apiVersion": TALLY.version, "kind": "Tally", "metadata": {"name": name}}
        assert session.api.call("POST", TALLY.path("default"), body).ok

    def has(name: str) -> bool:
        return recorder.wait(lambda: recorder.find("Tally", name, "default") is not None, 20)

    create("first")
    hub = WatchHub(session.api, ("default",))
    recorder = Recorder(Names.unchanged(("default",)))
    try:
        hub.follow(recorder, [young_kind], ("default",))
        assert has("first")
        forget(hub.feeds()[0])
        create("meanwhile")
        assert recorder.wait(lambda: len(recorder.gaps) == 1, 20)
        assert has("meanwhile")
        create("afterwards")
        assert has("afterwards")
        assert [gap.kind for gap in recorder.gaps] == ["Tally"]
        assert len(recorder.changes) == 3
    finally:
        hub.close()


def test_a_run_with_a_bad_network_is_complete(session: Session) -> None:
    assert session.hub is not None
    stop = threading.Event()

    def disturb() -> None:
        while not stop.wait(0.15):
            for feed in session.hub.feeds() if session.hub else []:
                feed.drop_connection()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        roll = {"object": "Deployment/web", "container": "server", "image": f"{IMAGE}:v2"}
        recording = observe(
            lab_with("apply", {"roll": roll}), web(), session.cluster, session=session
        )
    finally:
        stop.set()
        thread.join()
    assert recording.complete, recording.fault
    assert notes(recording) == [("apply", "settled"), ("roll", "settled")]
    assert len(names(recording, "Pod")) == 4
    assert recording.gaps == []


@pytest.fixture
def doomed_cluster(embedded_home: None) -> Iterator[ClusterStatus]:
    provider = EmbeddedProvider()
    yield provider.create(ClusterSpec(name="doomed", servers=(SERVER,)))
    provider.delete("doomed")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_is_a_fault_and_no_verdict(
    doomed_cluster: ClusterStatus, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    monkeypatch.setattr(watching, "LOST_AFTER", 2.0)
    server = next(
        process
        for process in Folder("doomed").processes()
        if process.argv[0].endswith("kube-apiserver")
    )

    def kill(step: str, what: str) -> None:
        if (step, what) == ("roll", "begin"):
            signal.pidfd_send_signal(handle, how)

    handle = os.pidfd_open(server.pid)
    try:
        with Session(doomed_cluster, shared=False) as session:
            session.api.patience = 1.0
            roll = {"object": "Deployment/web", "container": "server", "image": f"{IMAGE}:v2"}
            recording = observe(
                lab_with("apply", {"roll": roll}),
                web(),
                doomed_cluster,
                session=session,
                on_step=kill,
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    assert "API server" in recording.fault
    assert not recording.complete
    assert notes(recording)[0] == ("apply", "settled"), "what was seen is kept"
    assert len(names(recording, "Pod")) == 2


def test_a_dead_simulation_is_a_fault_and_no_verdict(
    doomed_cluster: ClusterStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signs, "_PATIENCE", 1.0)
    kubelet = next(
        process
        for process in Folder("doomed").processes()
        if "cluster.embedded.kubelet" in process.argv
    )

    def kill(step: str, what: str) -> None:
        if (step, what) == ("scale", "begin"):
            os.kill(kubelet.pid, signal.SIGKILL)

    lab = lab_with("apply", {"scale": {"object": "Deployment/web", "replicas": 3}})
    recording = observe(lab, web(), doomed_cluster, on_step=kill)
    assert not recording.complete
    assert "kubelet" in recording.fault
    assert notes(recording) == [("apply", "settled"), ("scale", "broken off")]


def test_no_cluster_at_all_is_an_error_before_anything(tmp_path: object) -> None:
    gone = ClusterStatus(name="gone", provider="embedded", running=False)
    with pytest.raises(MachineError, match="not running"):
        observe(lab_with("apply"), web(), gone)


def test_ctrl_c_while_waiting(session: Session) -> None:
    def interrupt(step: str, what: str) -> None:
        if what == "begin":
            threading.Timer(0.4, _thread.interrupt_main).start()

    slow = lab_with("apply")
    with pytest.raises(Interrupted) as caught:
        observe(slow, web(path="/"), session.cluster, session=session, on_step=interrupt)
    recording = caught.value.recording
    assert "interrupted" in recording.fault
    assert notes(recording) == [("apply", "broken off")]
    assert names(recording, "Deployment") == {"web"}
    assert runs_left(session.api) == []
    assert isinstance(caught.value, KeyboardInterrupt)


def test_leftovers_of_a_killed_run_are_removed_by_the_next(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"host": socket.gethostname(), "pid": myself().pid, "started": "another process"}
    with monkeypatch.context() as patch:
        patch.setattr(place, "_owner", lambda: dead)
        killed = place.plan(lab_with("apply"), session.kinds, frozenset())
        place.prepare(session.api, killed)
    assert runs_left(session.api) == list(killed.names.real)
    notes_of = session.api.get(f"/api/v1/namespaces/{killed.names.real[0]}").body["metadata"]
    assert json.loads(notes_of["annotations"][place.OWNER]) == dead
    observe(lab_with("apply"), web(), session.cluster, session=session)
    assert runs_left(session.api) == []
