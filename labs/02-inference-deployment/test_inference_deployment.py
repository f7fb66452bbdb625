"""Checks of lab 02: a model server that rolls without losing a request."""

from grader import check, expect, quantity

NAMESPACE = "ml-serving"
NAME = "sentiment-inference"
WORKLOAD = f"Deployment/{NAME}"
RELEASE = "registry.example.com/sentiment-inference:v2.2.0"


def server_of(manifests):
    """The container that serves the model."""
    return manifests.one("Deployment", NAME).container("model-server")


def asked_for(replica_set):
    """How many Pods a ReplicaSet is told to have."""
    return replica_set["spec"].get("replicas", 1)


def staying(pods):
    """Those Pods that are not being deleted, which is how a Deployment counts its own."""
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="Where would kubectl put an object that names no namespace, and would the Service still "
    "find its Pods from there?",
)
def test_objects_name_their_namespace(manifests):
    """The Deployment and the Service name the namespace ml-serving themselves."""
    manifests.one("Deployment", NAME)
    manifests.one("Service", NAME)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=0.5,
    hint="How many replicas are left to answer while one of them is being replaced?",
)
def test_three_replicas(manifests):
    """The Deployment asks for three replicas."""
    manifests.one("Deployment", NAME).field("spec.replicas").equals(3)


@check(
    points=0.5,
    hint="A Deployment finds its Pods by label as well: compare its selector with the labels under "
    "its template, letter by letter.",
)
def test_labels(manifests):
    """The Pods carry app: sentiment-inference, and the Deployment selects them by their labels."""
    deployment = manifests.one("Deployment", NAME)
    label = deployment.pod_labels().get("app")
    where = deployment.field("spec.template.metadata.labels").where
    observed = "Pods without a label app" if label is None else f"Pods labelled app: {label}"
    expect(label == NAME, f"Pods labelled app: {NAME}", observed, where)
    deployment.selects(deployment)


@check(
    points=1,
    hint="If this Pod is started again in half a year, which model does it run? The answer must "
    "stand in the image's name.",
)
def test_image(manifests):
    """The container model-server runs exactly version v2.1.0."""
    server_of(manifests).image_is("registry.example.com/sentiment-inference:v2.1.0")


@check(
    points=0.5,
    hint="Which port does the server in the image listen on? Say it where a reader of the manifest "
    "will look for it.",
)
def test_container_port(manifests):
    """The container declares port 8000."""
    server_of(manifests).has_port(8000)


@check(
    points=1,
    hint="During a release you may have one Pod too many, but never one too few. Which of the two "
    "numbers speaks of too many, and which of too few?",
)
def test_rollout_numbers(manifests):
    """A rolling update adds at most one replica and takes none away before its time."""
    manifests.one("Deployment", NAME).rollout(max_surge=1, max_unavailable=0)


@check(
    points=1,
    hint="Requests are all that the scheduler reads. What is set aside for a Pod that asks for "
    "nothing, and what for one that writes limits only?",
)
def test_requests(manifests):
    """The model server requests 500m of CPU and 1Gi of memory."""
    server = server_of(manifests)
    server.field("resources.requests.cpu").equals(quantity("500m"))
    server.field("resources.requests.memory").equals(quantity("1Gi"))


@check(
    points=0.5,
    hint="What is the most this container may use while it loads its weights? A limit is never "
    "below its request.",
)
def test_limits(manifests):
    """The model server is limited to 1 CPU and 2Gi of memory."""
    server = server_of(manifests)
    server.field("resources.limits.cpu").equals(quantity("1"))
    server.field("resources.limits.memory").equals(quantity("2Gi"))


@check(
    points=1.5,
    hint="Which URL answers only once the weights are loaded, and how long after the start is it "
    "worth asking for the first time?",
)
def test_readiness_probe(manifests):
    """Readiness asks /ready on port 8000 after 20 s, every 5 s, and gives up after 6 misses."""
    probe = server_of(manifests).probe("readiness").gets("/ready", port=8000)
    probe.field("initialDelaySeconds").equals(20)
    probe.field("periodSeconds").equals(5)
    probe.field("failureThreshold").equals(6)


@check(
    points=1,
    hint="A failed liveness probe restarts the container. Compare the moment of its first question "
    "with the time that loading takes on a bad day.",
)
def test_liveness_probe(manifests):
    """Liveness asks /live on port 8000 after 60 s, every 20 s, and restarts after 3 misses."""
    probe = server_of(manifests).probe("liveness").gets("/live", port=8000)
    probe.field("initialDelaySeconds").equals(60)
    probe.field("periodSeconds").equals(20)
    probe.field("failureThreshold").equals(3)


@check(
    points=0.5,
    hint="Clients on every node want one address inside the cluster that outlives every Pod. Which "
    "kind of Service has one, and which port do they call?",
)
def test_service_port(manifests):
    """The Service has a cluster address and offers port 80 under the name http."""
    service = manifests.one("Service", NAME)
    service.field("spec.type").equals("ClusterIP")
    service.field("spec.clusterIP").satisfies(lambda ip: ip != "None", "an address, not None")
    service.field("spec.internalTrafficPolicy").equals("Cluster")
    service.port(80).field("name").equals("http")
    service.port(80).field("protocol").equals("TCP")


@check(
    points=1,
    hint="A Service knows labels, not Deployments. Put its selector next to the labels under the "
    "Deployment's template. And when may a Pod that it selects be sent its first request?",
)
def test_service_selects(manifests):
    """The Service selects the Pods of the Deployment, and leads to those that are Ready only."""
    service = manifests.one("Service", NAME).selects(manifests.one("Deployment", NAME))
    # With it every Pod counts as ready from its first second, so that no recording could ever show
    # a dip: readiness would be switched off, and not kept.
    service.field("spec.publishNotReadyAddresses").satisfies(
        lambda early: not early, "false, so that readiness decides"
    )


@check(
    points=1,
    hint="Follow one request: the client calls port 80 of the Service, and at which port of the "
    "Pod does it arrive?",
)
def test_service_reaches(manifests):
    """Port 80 of the Service leads to port 8000 of the model server."""
    manifests.one("Service", NAME).port(80).reaches(server_of(manifests), 8000)


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The API server says which field it objects to, and why. Its sentence is the place to "
    "start; fix that one first.",
)
def test_accepted(recording):
    """The API server accepts every object under strict validation."""
    recording.during("apply").answers(verb="apply").all_accepted()


@check(
    points=1,
    needs="kubelet",
    after="test_accepted",
    hint="Begin with the events of a Pod that is not Ready: is it waiting for a node, for its "
    "image, or for its readiness probe?",
)
def test_three_pods_ready(recording):
    """Three Pods become Ready."""
    recording.during("apply").ready_pods(of=WORKLOAD).finally_(
        lambda ready: len(ready) == 3, "three"
    )


@check(
    points=1.5,
    needs="kubelet",
    after="test_three_pods_ready",
    hint="Pods may be Ready and still get no request. What must fit together for an address, with "
    "its port, to enter the Service's EndpointSlice?",
)
def test_endpoints_are_the_ready_pods(recording):
    """The Service's endpoints are exactly the three Ready Pods, at port 8000."""
    apply = recording.during("apply")
    names = {pod["metadata"]["name"] for pod in apply.ready_pods(of=WORKLOAD).last}
    apply.endpoints(NAME).finally_(
        lambda found: {endpoint.pod for endpoint in found} == names, "the three Ready Pods"
    )
    ports = ports_behind_80(apply)
    expect(ports == [8000], "endpoints at port 8000", f"endpoints at port {ports}")


@check(
    points=1,
    needs="kubelet",
    after="test_endpoints_are_the_ready_pods",
    hint="Something must notice the loss, and clients must not have to: who counts the Pods, and "
    "which address do the clients hold on to?",
)
def test_replica_comes_back(recording):
    """A deleted replica comes back, and the Service keeps its address throughout."""
    replace = recording.during("replace")
    before = {pod["metadata"]["name"] for pod in replace.ready_pods(of=WORKLOAD).moments[0].value}
    after = {pod["metadata"]["name"] for pod in replace.ready_pods(of=WORKLOAD).last}
    expect(
        len(after) == 3 and len(after - before) == 1,
        "three Ready Pods in the end, one of them new",
        f"{len(after)} Ready Pods, {len(after - before)} of them new",
        "during replace",
    )
    services = recording.objects("Service").values()
    seen = {s["spec"].get("clusterIP") for m in services for s in m.value if is_named(s)}
    expect(
        len(seen) == 1 and not seen & {"None", "", None},
        "one cluster address from beginning to end",
        "clusterIP " + ", ".join(sorted(str(ip) for ip in seen)),
        f"Service/{NAME}",
    )


@check(
    points=2,
    needs="kubelet",
    after="test_endpoints_are_the_ready_pods",
    hint="Look at the moment of the dip: was an old replica already leaving while the new one was "
    "still loading? Which number of the strategy allows that?",
)
def test_never_below_three(recording):
    """While v2.2.0 rolls out, the Service never has fewer than three ready endpoints."""
    recording.during("roll").endpoints(NAME).always(lambda ready: len(ready) >= 3, "at least three")


@check(
    points=1,
    needs="control-plane",
    after="test_three_pods_ready",
    hint="Each extra replica needs its own CPU and memory while the release runs. How many extra "
    "ones does your strategy allow?",
)
def test_never_above_four(recording):
    """While v2.2.0 rolls out, the Deployment never asks for more than four Pods at once."""
    # What its ReplicaSets are told, not the Pods there are: a new Pod may come to be a moment
    # before the old one's end is written down, on a busy cluster and with the right numbers too.
    recording.during("roll").replica_sets(of=WORKLOAD).always(
        lambda sets: sum(asked_for(replica_set) for replica_set in sets) <= 4,
        "asked for at most four Pods together",
    )


@check(
    points=1,
    needs="kubelet",
    after="test_three_pods_ready",
    hint="`kubectl rollout status` waits for something. Is it a new Pod that must become Ready, or "
    "a time that a Ready Pod must hold out before it counts?",
)
def test_new_replicaset_owns_all_pods(recording):
    """When the roll ends, three Ready Pods are left and all of them run v2.2.0."""
    roll = recording.during("roll")
    roll.pods(of=WORKLOAD).finally_(
        lambda pods: all(runs_release(pod) for pod in staying(pods)), "all of v2.2.0"
    )
    roll.ready_pods(of=WORKLOAD).finally_(lambda ready: len(ready) == 3, "three")
    owners = {
        owner["name"]
        for pod in staying(roll.pods(of=WORKLOAD).last)
        for owner in pod["metadata"].get("ownerReferences", [])
    }
    expect(
        len(owners) == 1, "one ReplicaSet to own all Pods", ", ".join(sorted(owners)), "end of roll"
    )


def is_named(service):
    """Whether this is the lab's Service."""
    return service["metadata"]["name"] == NAME


def ports_behind_80(span):
    """The numbers to which the EndpointSlices lead port 80, whatever else the Service offers."""
    service = span.object("Service", NAME).last or {"spec": {}}
    names = [
        port.get("name")
        for port in service["spec"].get("ports") or []
        if port["port"] == 80 and port.get("protocol", "TCP") == "TCP"
    ]
    mine = [
        piece
        for piece in span.objects("EndpointSlice").last
        if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == NAME
    ]
    found = {
        port.get("port")
        for piece in mine
        for port in piece.get("ports") or []
        if piece.get("endpoints") and (port.get("name") or None) in names
    }
    return sorted(found, key=str)


def runs_release(pod):
    """Whether the Pod's model server is the version of the release."""
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    images = {c["name"]: c["image"] for c in containers}
    return images.get("model-server") == RELEASE
