from __future__ import annotations

import math

import pytest

from cluster.embedded.kubelet.probes import Answer, ProbeRun, ask

from .life import MODEL, Json, http

CONTAINER: Json = {"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9}]}
REFUSED = "dial tcp 10.1.2.3:{}: connect: connection refused"


@pytest.mark.parametrize(
    ("probe", "age", "success", "message"),
    [
        (http("/ready"), 20, True, ""),
        (http("/ready", "http"), 20, True, ""),
        (http("ready"), 20, True, ""),
        (http("/ready?full=1"), 20, True, ""),
        (http("/ready"), 19.9, False, "HTTP probe failed with statuscode: 503"),
        (http("/live"), 0, True, ""),
        (http("/health"), 99, False, "HTTP probe failed with statuscode: 404"),
        (http("/", 8080), 99, False, "HTTP probe failed with statuscode: 404"),
        (
            http("/ready", 8000),
            99,
            False,
            'Get "http://10.1.2.3:8000/ready": ' + REFUSED.format(8000),
        ),
        (http("/ready", "web"), 99, False, 'couldn\'t find port: "web"'),
        (
            {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTPS"}},
            99,
            False,
            'Get "https://10.1.2.3:8080/ready": http: server gave HTTP response to HTTPS client',
        ),
        ({"tcpSocket": {"port": 8080}}, 0, True, ""),
        ({"tcpSocket": {"port": "http"}}, 0, True, ""),
        ({"tcpSocket": {"port": 9}}, 0, False, REFUSED.format(9)),
        ({"tcpSocket": {"port": 8080, "host": "10.1.2.3"}}, 0, True, ""),
        (
            {"tcpSocket": {"port": 8080, "host": "localhost"}},
            0,
            False,
            "dial tcp localhost:8080: connect: connection refused",
        ),
        (
            {"httpGet": {"path": "/ready", "port": 8080, "host": "localhost"}},
            99,
            False,
            'Get "http://localhost:8080/ready": '
            "dial tcp localhost:8080: connect: connection refused",
        ),
        ({"exec": {"command": ["true"]}}, 0, True, ""),
        ({"grpc": {"port": 8080}}, 20, True, ""),
    ],
)
def test_answers(probe: Json, age: float, success: bool, message: str) -> None:
    answer = ask(probe, CONTAINER, MODEL, age, "10.1.2.3")
    assert (answer.success, answer.message) == (success, message)


def test_only_an_answer_during_loading_will_change() -> None:
    assert ask(http("/ready"), CONTAINER, MODEL, 1, "ip").changes_at == 20
    assert math.isinf(ask(http("/other"), CONTAINER, MODEL, 1, "ip").changes_at)


def test_an_image_that_serves_nothing_refuses() -> None:
    assert not ask(http(), CONTAINER, None, 99, "ip").success


def test_success_threshold_counts_in_a_row() -> None:
    run = ProbeRun("readiness", http(successThreshold=2), 0.0, 0.0)
    good, bad = Answer(True, changes_at=99), Answer(False, "x", changes_at=99)
    for answer, passing in ((good, False), (bad, False), (good, False), (good, True)):
        run.take(answer, run.next_at)
        assert run.passing is passing


def test_a_ready_server_becomes_unready_only_at_the_failure_threshold() -> None:
    run = ProbeRun("readiness", http(failureThreshold=3), 0.0, 0.0)
    run.take(Answer(True, changes_at=99), 0.0)
    seen = []
    for _ in range(3):
        run.take(Answer(False, "x", changes_at=99), run.next_at)
        seen.append(run.passing)
    assert seen == [True, True, False]


def test_a_lasting_failure_is_reported_ever_more_rarely_and_then_no_more() -> None:
    run = ProbeRun("readiness", http(), 0.0, 0.0)
    reports, asked = 0, 0
    while not math.isinf(run.next_at):
        reports += run.take(Answer(False, "404"), run.next_at)
        asked += 1
    assert run.failures == 512
    assert reports == 10  # 1, 2, 4, ... 512
    assert asked < 15
