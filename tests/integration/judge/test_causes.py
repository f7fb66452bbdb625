"""Each cause, provoked for real: what the cluster records is what the chain says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterStatus, Memory, ServerModel
from grader.judge.causes import Chain, causes_of
from grader.judge.language.span import RecordingView
from grader.observe import observe
from grader.observe.session import Session
from tests.grader.observe.samples import a_lab, a_submission

pytestmark = pytest.mark.embedded

Json = dict[str, Any]

SPACE = "ml-causes"
IMAGE = "registry.example.com/causes"
SERVERS = (
    ServerModel(image=IMAGE, tags=("v1",), port=8000, load=4, ready=("/ready",), live=("/live",)),
    ServerModel(image=IMAGE, tags=("greedy",), load=4, memory=Memory(load="900Mi", rest="400Mi")),
    ServerModel(
        image=IMAGE, tags=("broken",), crash_after=1, crash_code=3, last_words=("no weights",)
    ),
    ServerModel(image=IMAGE, tags=("slow",), port=8000, load=90, ready=("/ready",)),
    ServerModel(image=IMAGE, tags=("fetch",), runs_for=1, exit_code=4, last_words=("bad sum",)),
    ServerModel(image=IMAGE, tags=("work",), runs_for=400),
)


@pytest.fixture(scope="module")
def session(embedded_cluster: ClusterStatus) -> Iterator[Session]:
    EmbeddedProvider().teach(embedded_cluster.name, SERVERS)
    with Session(embedded_cluster) as session:
        yield session


def thing(kind: str, name: str, version: str = "v1", **rest: Any) -> Json:
    metadata = {"name": name, **({} if kind == "Namespace" else {"namespace": SPACE})}
    metadata.update(rest.pop("metadata", {}))
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def probe(path: str, **more: Any) -> Json:
    return {"httpGet": {"path": path, "port": 8000}, "periodSeconds": 2, **more}


def server(tag: str = "v1", **more: Any) -> Json:
    return {"name": "server", "image": f"{IMAGE}:{tag}", **more}


def web(*containers: Json, **spec: Any) -> Json:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": list(containers) or [server()], **spec},
    }
    selector = {"matchLabels": {"app": "web"}}
    deployment = {"replicas": 1, "selector": selector, "template": template}
    return thing("Deployment", "web", "apps/v1", spec=deployment)


def service(app: str = "web", port: Any = 8000) -> Json:
    ports = [{"port": 80, "targetPort": port}]
    return thing("Service", "web", spec={"selector": {"app": app}, "ports": ports})


def job(deadline: int | None = None) -> Json:
    pods = {"restartPolicy": "Never", "containers": [server("work", name="worker")]}
    spec: Json = {"template": {"spec": pods}, "backoffLimit": 0}
    if deadline:
        spec["activeDeadlineSeconds"] = deadline
    return thing("Job", "train", "batch/v1", spec=spec)


def played(session: Session, *objects: Json, of: str = "Deployment/web") -> Chain | None:
    kinds = ("Namespace", "Deployment", "Service", "Job", "ResourceQuota", "LimitRange", "Pod",
             "PersistentVolumeClaim", "ConfigMap")  # fmt: skip
    lab = a_lab(["apply"], servers=SERVERS, namespaces=(SPACE,), kinds=kinds)
    submission = a_submission(thing("Namespace", SPACE), *objects)
    recording = observe(lab, submission, session.cluster, session=session)
    assert recording.complete, recording.fault
    return causes_of(RecordingView(recording), of)


QUOTA = thing("ResourceQuota", "small", spec={"hard": {"requests.memory": "1Gi"}})
BIG = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
RANGE = thing(
    "LimitRange", "range", spec={"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}
)
GPU = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
CLAIM = thing(
    "PersistentVolumeClaim",
    "models",
    spec={
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "none-such",
    },
)
MOUNT: Json = {"volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]}
FROM_SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}
UNMOUNTED: Json = {"volumes": [{"name": "conf", "configMap": {"name": "settings"}}]}

PROVOKED: dict[str, tuple[tuple[Json, ...], str, str, str]] = {
    # what is applied -> the word, the field, and the cluster's own words
    "no such image tag": ((web(server("v9")), service()), "image", "[server].image", "not found"),
    "gpu without toleration": (
        (web(server(**GPU)), service()),
        "scheduling",
        "spec.tolerations",
        "untolerated taint",
    ),
    "no node has the label": (
        (web(nodeSelector={"accelerator": "none-such"}), service()),
        "scheduling",
        "spec.nodeSelector",
        "didn't match Pod's node affinity/selector",
    ),
    "quota": ((QUOTA, web(server(resources=BIG))), "quota", "resources", "exceeded quota: small"),
    "limit range": (
        (RANGE, web(server(resources=BIG))),
        "admission",
        "resources",
        "maximum memory usage per Container is 1Gi",
    ),
    "pod security": (
        (web(hostNetwork=True),),
        "admission",
        "spec.template.spec",
        'violates PodSecurity "baseline',
    ),
    "no such account": (
        (web(serviceAccountName="nobody"),),
        "configuration",
        "serviceAccountName",
        'serviceaccount "nobody" not found',
    ),
    "readiness path": (
        (web(server(readinessProbe=probe("/"))), service()),
        "probe",
        "readinessProbe",
        "Readiness probe failed: HTTP probe failed with statuscode: 404",
    ),
    "liveness before the model is loaded": (
        (web(server("slow", livenessProbe=probe("/ready", failureThreshold=2))), service()),
        "probe",
        "livenessProbe",
        "failed liveness probe, will be restarted",
    ),
    "startup probe gives up": (
        (web(server("slow", startupProbe=probe("/ready", failureThreshold=2))), service()),
        "probe",
        "startupProbe",
        "failed startup probe, will be restarted",
    ),
    "memory": (
        (web(server("greedy", resources={"limits": {"memory": "512Mi"}})), service()),
        "memory",
        "[server].resources.limits.memory",
        "OOMKilled, exit code 137",
    ),
    "crash": ((web(server("broken")),), "crash", "containers[server]", "no weights"),
    "init container": (
        (web(server(), initContainers=[server("fetch", name="fetch")]),),
        "init-container",
        "initContainers[fetch]",
        "bad sum",
    ),
    "claim": ((CLAIM, web(**MOUNT)), "claim", "spec.volumes", 'storageclass.storage.k8s.io "none'),
    "no such claim": ((web(**MOUNT),), "claim", "spec.volumes", '"models" not found'),
    "secret in the environment": (
        (web(server(env=[FROM_SECRET])),),
        "configuration",
        "[server].env",
        'secret "key" not found',
    ),
    "config map as a volume": (
        (web(**UNMOUNTED),),
        "configuration",
        "spec.volumes",
        'configmap "settings" not found',
    ),
}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_cause_is_found(session: Session, name: str) -> None:
    objects, word, field, said = PROVOKED[name]
    chain = played(session, *objects)
    assert chain is not None
    assert chain.cause.word == word, chain.lines
    assert field in chain.cause.field
    assert said in chain.cause.sentence
    assert any("Deployment web has 0 of 1 replicas Ready" in line for line in chain.lines)
    if any(found["kind"] == "Service" for found in objects):
        assert chain.links.endswith("Pod not Ready -> Service without endpoints")


def test_a_selector_that_selects_nobody(session: Session) -> None:
    chain = played(session, web(), service(app="wep"), of="Service/web")
    assert chain is not None
    assert (chain.cause.word, chain.cause.field) == ("selector", "spec.selector")
    assert "the Pods carry {app: web}" in chain.cause.said


def test_a_port_name_that_nobody_has(session: Session) -> None:
    chain = played(session, web(), service(port="https"), of="Service/web")
    assert chain is not None
    assert chain.cause.word == "port"


def test_a_deadline(session: Session) -> None:
    chain = played(session, job(deadline=1), of="Job/train")
    assert chain is not None
    assert (chain.cause.word, chain.cause.field) == ("deadline", "spec.activeDeadlineSeconds")
    assert "Job was active longer than specified deadline" in chain.cause.said


def test_a_refused_object(session: Session) -> None:
    misspelt = web()
    misspelt["spec"]["replica"] = 2
    chain = played(session, misspelt, service())
    assert chain is not None
    assert chain.cause.word == "admission"
    assert 'unknown field "spec.replica"' in chain.cause.said
    assert chain.links == "refused by the API server -> Service without endpoints"


def test_what_is_healthy_has_no_cause(session: Session) -> None:
    healthy = server(readinessProbe=probe("/ready"), livenessProbe=probe("/live"))
    assert played(session, web(healthy), service()) is None
    assert played(session, web(healthy), service(), of="Service/web") is None
