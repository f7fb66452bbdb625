"""What a kubelet would report, written out in full for two moments of one Pod's life."""

from __future__ import annotations

from .life import Life, http, manifest


def test_a_container_that_loads_its_model() -> None:
    life = Life(manifest({"readinessProbe": http()})).until(3)
    identity = "docker.io/shop/sentiment"
    assert life.status == {
        "phase": "Running",
        "hostIP": "172.30.0.2",
        "hostIPs": [{"ip": "172.30.0.2"}],
        "podIP": "10.10.0.2",
        "podIPs": [{"ip": "10.10.0.2"}],
        "startTime": "t=0",
        "observedGeneration": 1,
        "conditions": [
            {
                "type": kind,
                "status": status,
                "lastProbeTime": None,
                "lastTransitionTime": "t=0",
                "observedGeneration": 1,
                "reason": reason,
                "message": message,
            }
            for kind, status, reason, message in (
                ("PodReadyToStartContainers", "True", None, None),
                ("Initialized", "True", None, None),
                (
                    "ContainersReady",
                    "False",
                    "ContainersNotReady",
                    "containers with unready status: [c]",
                ),
                ("Ready", "False", "ContainersNotReady", "containers with unready status: [c]"),
            )
        ],
        "containerStatuses": [
            {
                "name": "c",
                "image": f"{identity}:v1",
                "imageID": life.container()["imageID"],
                "containerID": life.container()["containerID"],
                "ready": False,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "t=2.5"}},
                "lastState": {},
            }
        ],
    }
    assert life.container()["imageID"].startswith(f"{identity}@sha256:")
    assert life.container()["containerID"].startswith("simulated://")


def test_a_container_in_its_back_off() -> None:
    life = Life(manifest({"livenessProbe": http("/nowhere")}))
    while "waiting" not in life.container()["state"] or not life.said("BackOff"):
        life.until(life.pod.next_at)
    container = life.container()
    assert container["state"] == {
        "waiting": {
            "reason": "CrashLoopBackOff",
            "message": "back-off 10s restarting failed container=c pod=p_ns(u-1)",
        }
    }
    # A server that heeds SIGTERM ends in order, also when a probe is why it must.
    assert container["lastState"]["terminated"]["exitCode"] == 0
    assert container["lastState"]["terminated"]["reason"] == "Completed"
    assert container["restartCount"] == 1
    assert life.status["phase"] == "Running"
