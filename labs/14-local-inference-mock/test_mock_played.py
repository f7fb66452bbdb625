"""Checks of lab 14: what the cluster did with it."""

import json

from grader import check, expect

NAMESPACE = "ml-k8s-lab"
NAME = "mock-inference"
WORKLOAD = f"Deployment/{NAME}"
PREDICTION = {"label": "positive", "score": 0.91}
LEFT_BEHIND = (
    "Deployment",
    "ReplicaSet",
    "Pod",
    "Service",
    "EndpointSlice",
    "ConfigMap",
    "HorizontalPodAutoscaler",
)


@check(
    points=0.5,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The API server says which field it objects to, and why. Its sentence is the place to "
    "start; fix that one first.",
)
def test_accepted(recording):
    """The API server accepts every object under strict validation."""
    recording.during("apply").answers(verb="apply").all_accepted()


@check(
    points=1.5,
    needs="kubelet",
    after=("test_accepted", "test_nginx_health", "test_config_is_mounted", "test_two_replicas"),
    hint="`kubectl rollout status` is still waiting. Begin with the events of a Pod that is not "
    "Ready: its node, its image, or its probe?",
)
def test_rollout_completes(recording):
    """The rollout completes with every replica Ready, two or more."""
    apply = recording.during("apply")
    # An autoscaler whose minimum is above two asks for more, and gets them.
    wanted = max(2, apply.replicas(of=WORKLOAD).last or 0)
    apply.ready_pods(of=WORKLOAD).finally_(lambda ready: len(ready) == wanted, str(wanted))
    apply.object("Deployment", NAME).finally_(rolled_out, "rolled out completely")


@check(
    points=1,
    needs="kubelet",
    after="test_rollout_completes",
    hint="Pods may be Ready and still get no request. What must fit together for an address, with "
    "its port, to enter the Service's EndpointSlice?",
)
def test_endpoints(recording):
    """The Service's endpoints are the Ready Pods, at port 8000."""
    apply = recording.during("apply")
    names = {pod["metadata"]["name"] for pod in apply.ready_pods(of=WORKLOAD).last}
    apply.endpoints(NAME).finally_(
        lambda found: {endpoint.pod for endpoint in found} == names, "the Ready Pods"
    )
    ports = sorted({port for endpoint in apply.endpoints(NAME).last for port in endpoint.ports})
    expect(ports == [8000], "endpoints at port 8000", f"endpoints at port {ports}")


@check(
    points=1,
    needs="containers",
    after="test_endpoints",
    hint="Ask as a client inside the cluster would: `kubectl run` with curlimages/curl:8.10.1 and "
    "http://mock-inference/predict. What comes back, byte for byte?",
)
def test_prediction_arrives(recording):
    """A client inside the cluster gets the prediction from http://mock-inference/predict."""
    answers = recording.during("predict").answers(verb="request").all_accepted().found
    body = answers[-1].body
    wanted, where = f"the JSON {json.dumps(PREDICTION)}", f"GET http://{NAME}/predict"
    expect(meaning(body) == PREDICTION, wanted, body or "an empty body", where)


@check(
    points=1,
    needs="kubelet",
    after="test_rollout_completes",
    hint="Watch the namespace after you delete it. If it stays Terminating, its status names what "
    "is still inside and what that is waiting for.",
)
def test_cleanup(recording):
    """After the workload has run, its namespace is deleted and nothing of it is left behind."""
    recording.ready_pods(of=WORKLOAD).eventually(
        lambda ready: len(ready) >= 2, "two, before anything was deleted"
    )
    recording.object("Namespace", NAMESPACE).eventually(
        lambda namespace: namespace is not None, "there before it was deleted"
    )
    recording.object("Namespace", NAMESPACE).finally_(lambda namespace: namespace is None, "gone")
    for kind in LEFT_BEHIND:
        recording.objects(kind).finally_(lambda found: not found, "gone")


def meaning(body):
    """What a body says as JSON, or None."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def rolled_out(deployment):
    """Whether `kubectl rollout status` would say that the Deployment is rolled out."""
    if deployment is None:
        return False
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    return seen and counts == [wanted] * 3
