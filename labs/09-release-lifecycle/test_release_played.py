"""Checks of lab 09 on the cluster: a canary, a promotion, a bad release, and two ways back."""

from grader import check, expect

SERVICE = "sentiment-inference"
STABLE = "Deployment/sentiment-stable"
CANARY = "Deployment/sentiment-canary"
VERSION = "model-version"
CAUSE = "kubernetes.io/change-cause"
REVISION = "deployment.kubernetes.io/revision"


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
    "could take an old replica away, or that requests may go to it?",
)
def test_bad_release_costs_nothing(recording):
    """While v2.3.0 crashes, nine Ready Pods of v2.2.0 go on serving, and it gets no request."""
    bad = recording.during("bad")
    bad.pods(of=STABLE).eventually(
        lambda pods: any(version_of(pod) == "v2.3.0" for pod in pods), "also of v2.3.0"
    )
    bad.ready_pods(of=STABLE).always(
        lambda pods: sum(version_of(pod) == "v2.2.0" for pod in pods) >= 9,
        "at least nine of v2.2.0",
    )
    broken = {
        pod["metadata"]["name"]
        for moment in bad.pods(of=STABLE).moments
        for pod in moment.value
        if version_of(pod) == "v2.3.0"
    }
    bad.endpoints(SERVICE).never(
        lambda ready: any(endpoint.pod in broken for endpoint in ready), "with a Pod of v2.3.0"
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
