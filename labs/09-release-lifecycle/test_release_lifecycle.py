"""Checks of lab 09: a canary, a release, and two ways back."""

from grader import check, expect

NAMESPACE = "ml-release"
SERVICE = "sentiment-inference"
STABLE = "Deployment/sentiment-stable"
CANARY = "Deployment/sentiment-canary"
IMAGE = "registry.example.com/sentiment-inference"
VERSION = "model-version"
CAUSE = "kubernetes.io/change-cause"
REVISION = "deployment.kubernetes.io/revision"
LINEAGE = {
    "v2.1.0": ("s3://models/sentiment/v2.1.0/model.onnx", "reviews-2026-01", "eval-1187"),
    "v2.2.0": ("s3://models/sentiment/v2.2.0/model.onnx", "reviews-2026-02", "eval-1203"),
}
FIELDS = ("artifact", "training-data", "evaluation")


def tracks(manifests):
    """Both Deployments, each with the track and version that it stands for."""
    stable = manifests.one("Deployment", "sentiment-stable")
    canary = manifests.one("Deployment", "sentiment-canary")
    return ((stable, "stable", "v2.1.0"), (canary, "canary", "v2.2.0"))


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="Three objects have to meet in one namespace. Which of them does not say which?",
)
def test_objects_name_their_namespace(manifests):
    """Both Deployments and the Service name the namespace ml-release themselves."""
    manifests.one("Deployment", "sentiment-stable")
    manifests.one("Deployment", "sentiment-canary")
    manifests.one("Service", SERVICE)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="A canary is a share of the replicas. Which share of the requests may a model spoil that "
    "nobody has seen in production yet?",
)
def test_replicas_and_images(manifests):
    """Nine replicas serve v2.1.0 as stable, one serves v2.2.0 as canary."""
    stable = manifests.one("Deployment", "sentiment-stable")
    stable.field("spec.replicas").equals(9)
    stable.container("model-server").image_is(f"{IMAGE}:v2.1.0")
    canary = manifests.one("Deployment", "sentiment-canary")
    canary.field("spec.replicas").equals(1)
    canary.container("model-server").image_is(f"{IMAGE}:v2.2.0")


@check(
    points=1.5,
    hint="Somebody looks at one Pod during an incident. Which labels tell them what it is, which "
    "track it belongs to, and which model answers from it?",
)
def test_labels(manifests):
    """Every Pod carries the labels app, track and model-version, with its own values."""
    for deployment, track, version in tracks(manifests):
        labels = deployment.pod_labels()
        where = deployment.field("spec.template.metadata.labels").where
        for key, wanted in (("app", SERVICE), ("track", track), (VERSION, version)):
            found = labels.get(key)
            expect(
                found == wanted,
                f"Pods of {deployment.manifest} labelled {key}: {wanted}",
                f"{key}: {found}",
                where,
            )


@check(
    points=1.5,
    hint="Put each selector next to the labels of the other Deployment's Pods. Would a tool that "
    "goes by the selector alone, an autoscaler for example, count the right ones?",
)
def test_selectors_keep_apart(manifests):
    """Each Deployment selects its own Pods and passes over those of the other."""
    (stable, _, _), (canary, _, _) = tracks(manifests)
    for own, other in ((stable, canary), (canary, stable)):
        own.selects(own)
        own.passes_over(other)


@check(
    points=1,
    hint="A selector can never be changed, and a release changes the version. What follows for the "
    "labels that may stand in a selector?",
)
def test_selectors_leave_the_version_out(manifests):
    """No selector, neither of a Deployment nor of the Service, mentions the model version."""
    objects = [found for found, _, _ in tracks(manifests)]
    for found in (*objects, manifests.one("Service", SERVICE)):
        selector = found.field("spec.selector")
        keys = keys_of(selector.value or {})
        expect(
            VERSION not in keys,
            f"a selector of {found.manifest} without {VERSION}",
            "it selects by " + ", ".join(sorted(keys)),
            selector.where,
        )


@check(
    points=1,
    hint="Which labels do all ten Pods have in common, and which do only nine of them have?",
)
def test_service_selects_both_tracks(manifests):
    """The Service selects the Pods of both Deployments."""
    service = manifests.one("Service", SERVICE)
    for deployment, _, _ in tracks(manifests):
        service.selects(deployment)


@check(
    points=0.5,
    hint="Follow a request from port 80 of the Service to the process, once for each track.",
)
def test_service_reaches_both_tracks(manifests):
    """Port 80 of the Service leads to port 8000 of the model server, on both tracks."""
    port = manifests.one("Service", SERVICE).port(80)
    for deployment, _, _ in tracks(manifests):
        port.reaches(deployment.container("model-server"), 8000)


@check(
    points=1,
    hint="v2.3.0 will start, listen, and fall over while it warms up. What must be asked of a "
    "replica before an old one may leave for it?",
)
def test_readiness(manifests):
    """Readiness asks /ready on port 8000, on both tracks."""
    for deployment, _, _ in tracks(manifests):
        deployment.container("model-server").probe("readiness").gets("/ready", port=8000)


@check(
    points=1,
    hint="Nine times one replica is a long release, three times three a short one. Which of the "
    "two numbers buys that without taking anything away from the users?",
)
def test_rollout_numbers(manifests):
    """A release of stable adds three replicas at a time and takes none away before its time."""
    manifests.one("Deployment", "sentiment-stable").rollout(max_surge=3, max_unavailable=0)


@check(
    points=1,
    hint="`kubectl rollout undo` copies a Pod template out of an old ReplicaSet. How many of them "
    "does your Deployment keep?",
)
def test_history_is_kept(manifests):
    """Stable keeps at least three old revisions to go back to."""
    manifests.one("Deployment", "sentiment-stable").field("spec.revisionHistoryLimit").at_least(3)


@check(
    points=0.5,
    hint="Until when does `kubectl rollout status` wait for a release that does not move? Ten "
    "minutes is the default, and the pipeline stands there meanwhile.",
)
def test_stuck_release_is_reported(manifests):
    """A release of stable that makes no progress counts as failed after at most 300 seconds."""
    stable = manifests.one("Deployment", "sentiment-stable")
    stable.field("spec.progressDeadlineSeconds").at_most(300)


@check(
    points=1,
    hint="Run `kubectl rollout history` on a cluster: from which annotation, on which object, does "
    "the second column come?",
)
def test_change_cause(manifests):
    """Each Deployment's change-cause names the version that it brings."""
    for deployment, _, version in tracks(manifests):
        cause = deployment.field(f'metadata.annotations["{CAUSE}"]')
        cause.satisfies(
            lambda text, version=version: isinstance(text, str) and version in text,
            f"a text with {version} in it",
        )


@check(
    points=1,
    hint="In three months somebody asks which data this model was trained on. On which object will "
    "the answer still be, long after the Deployment has moved on?",
)
def test_lineage(manifests):
    """Each Pod template says from which artifact, data and evaluation its model comes."""
    for deployment, _, version in tracks(manifests):
        for field, wanted in zip(FIELDS, LINEAGE[version], strict=True):
            path = f'spec.template.metadata.annotations["ml.example.com/{field}"]'
            deployment.field(path).equals(wanted)


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
def test_ten_pods_ready(recording):
    """Nine Pods of stable and one of the canary become Ready."""
    apply = recording.during("apply")
    apply.ready_pods(of=STABLE).finally_(lambda pods: len(pods) == 9, "nine")
    apply.ready_pods(of=CANARY).finally_(lambda pods: len(pods) == 1, "one")


@check(
    points=2,
    needs="kubelet",
    after="test_ten_pods_ready",
    hint="A Service divides requests evenly over its ready endpoints. Count them by track: "
    "`kubectl get pods -L track`, next to `kubectl get endpointslices`.",
)
def test_one_endpoint_in_ten_is_the_canary(recording):
    """Of the Service's ten ready endpoints nine are stable and one is the canary."""
    apply = recording.during("apply")
    labels = {pod["metadata"]["name"]: labels_of(pod) for pod in apply.pods().last}
    found = [labels.get(e.pod, {}).get("track") for e in apply.endpoints(SERVICE).last]
    shares = {track: found.count(track) for track in set(found)}
    expect(
        shares == {"stable": 9, "canary": 1},
        "9 endpoints of track stable and 1 of track canary",
        ", ".join(f"{count} of {track}" for track, count in sorted(shares.items(), key=str))
        or "no endpoints",
        "end of apply",
    )


@check(
    points=2,
    needs="kubelet",
    after="test_ten_pods_ready",
    hint="Look at the moment of the dip, or at the API server's answer to the change: did an old "
    "Pod leave too early, or was the release refused?",
)
def test_promotion_keeps_nine_available(recording):
    """While v2.2.0 is promoted, stable never falls below nine Ready Pods, and ends on v2.2.0."""
    promote = recording.during("promote")
    promote.answers(verb="patch").all_accepted()
    promote.ready_pods(of=STABLE).always(lambda pods: len(pods) >= 9, "at least nine")
    promote.ready_pods(of=STABLE).finally_(
        lambda pods: {version_of(pod) for pod in pods} == {"v2.2.0"}, "of v2.2.0, all of them"
    )


@check(
    points=1,
    needs="control-plane",
    after="test_promotion_keeps_nine_available",
    hint="Every extra replica needs its place while the release runs. How many does your strategy "
    "add at a time?",
)
def test_promotion_asks_for_twelve_at_most(recording):
    """While v2.2.0 is promoted, stable never asks for more than twelve Pods at once."""
    # What its ReplicaSets are told; an old Pod may still be on its way out when a new one comes.
    recording.during("promote").replica_sets(of=STABLE).always(
        lambda sets: sum(found["spec"].get("replicas", 1) for found in sets) <= 12,
        "asked for at most twelve Pods together",
    )


@check(
    points=1.5,
    needs="control-plane",
    after="test_promotion_keeps_nine_available",
    hint="Compare the label with the image, Pod by Pod. A label that somebody typed by hand tells "
    "what they meant; a label that the release writes tells what runs.",
)
def test_version_is_visible_on_every_pod(recording):
    """Before and after the promotion, the label of every Pod is the version that it runs."""
    for step in ("apply", "promote"):
        for of in (STABLE, CANARY):
            recording.during(step).ready_pods(of=of).finally_(
                lambda pods: all(labels_of(pod).get(VERSION) == version_of(pod) for pod in pods),
                f"labelled {VERSION} with the version of their image",
            )


@check(
    points=2,
    needs="kubelet",
    after="test_promotion_keeps_nine_available",
    hint="v2.3.0 is alive for a moment in each attempt. What made the rollout believe that it "
    "could take an old replica away?",
)
def test_bad_release_costs_nothing(recording):
    """While v2.3.0 crashes, nine Ready Pods of v2.2.0 go on serving."""
    bad = recording.during("bad")
    bad.pods(of=STABLE).eventually(
        lambda pods: any(version_of(pod) == "v2.3.0" for pod in pods), "also of v2.3.0"
    )
    bad.ready_pods(of=STABLE).always(
        lambda pods: sum(version_of(pod) == "v2.2.0" for pod in pods) >= 9,
        "at least nine of v2.2.0",
    )


@check(
    points=2,
    needs="kubelet",
    after="test_promotion_keeps_nine_available",
    hint="An undo is a release like any other, to a Pod template that was kept. Which ReplicaSet "
    "should own all Pods when it is over?",
)
def test_undo_brings_the_previous_replica_set_back(recording):
    """After the undo the ReplicaSet of v2.2.0 serves again, and v2.3.0 has no Pods left."""
    undo = recording.during("undo")
    undo.answers(verb="patch").all_accepted()
    undo.ready_pods(of=STABLE).always(lambda pods: len(pods) >= 9, "at least nine")
    before = owners(recording.during("promote").ready_pods(of=STABLE).last)
    after = owners(undo.pods(of=STABLE).last)
    expect(
        before == after and len(after) == 1,
        "the ReplicaSet that served before the bad release to own every Pod: " + ", ".join(before),
        ", ".join(sorted(after)) or "no Pods",
        "end of undo",
    )


@check(
    points=1.5,
    needs="control-plane",
    after="test_promotion_keeps_nine_available",
    hint="`kubectl rollout history` reads one annotation of each ReplicaSet that is left. "
    "Which of your three releases is missing there, or has no reason?",
)
def test_history_tells_the_whole_story(recording):
    """After the undo the revision history has all three versions, each with its change-cause."""
    sets = recording.during("undo").replica_sets(of=STABLE).last
    history = {version_of(found["spec"]["template"]): annotation(found, CAUSE) for found in sets}
    numbered = sorted(sets, key=lambda found: int(annotation(found, REVISION) or 0))
    told = "; ".join(
        f"{annotation(s, REVISION)}: {annotation(s, CAUSE) or 'none'}" for s in numbered
    )
    expect(
        all(version in history.get(version, "") for version in ("v2.1.0", "v2.2.0", "v2.3.0")),
        "v2.1.0, v2.2.0 and v2.3.0 in the history, each named in its change-cause",
        told,
        "end of undo",
    )


@check(
    points=1.5,
    needs="kubelet",
    after="test_undo_brings_the_previous_replica_set_back",
    hint="A model can be healthy and wrong, and be found out late. Is the revision from before the "
    "last two still there to go back to?",
)
def test_rewind_to_the_first_release(recording):
    """Going back to revision 1 brings v2.1.0 back, with nine Ready Pods all the way."""
    rewind = recording.during("rewind")
    rewind.answers(verb="patch").all_accepted()
    rewind.ready_pods(of=STABLE).always(lambda pods: len(pods) >= 9, "at least nine")
    rewind.ready_pods(of=STABLE).finally_(
        lambda pods: {version_of(pod) for pod in pods} == {"v2.1.0"}, "of v2.1.0, all of them"
    )


def keys_of(selector):
    """The label keys that a selector of either shape speaks of."""
    expressions = selector.get("matchExpressions")
    wanted = selector.get("matchLabels")
    if isinstance(wanted, dict) or isinstance(expressions, list):
        return {*(wanted or {}), *(rule.get("key") for rule in expressions or [])}
    return set(selector)


def labels_of(found):
    """An object's labels."""
    return found["metadata"].get("labels") or {}


def annotation(found, key):
    """One annotation of an object, empty where there is none."""
    return (found["metadata"].get("annotations") or {}).get(key, "")


def version_of(template):
    """The tag of the model server's image in a Pod or a Pod template."""
    images = {c["name"]: c["image"] for c in template["spec"]["containers"]}
    return images.get("model-server", "").rpartition(":")[2]


def owners(pods):
    """Names of the ReplicaSets that own these Pods; Pods on their way out are left aside."""
    return {
        owner["name"]
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        for owner in pod["metadata"].get("ownerReferences", [])
    }
