"""Checks of lab 09: a canary, a release, and two ways back."""

from grader import check, expect

NAMESPACE = "ml-release"
SERVICE = "sentiment-inference"
IMAGE = "registry.example.com/sentiment-inference"
VERSION = "model-version"
CAUSE = "kubernetes.io/change-cause"
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
                f"no label {key}" if found is None else f"{key}: {found}",
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
        terms = terms_of(selector.value or {})
        expect(
            not any(key == VERSION or LINEAGE.keys() & values for key, values in terms.items()),
            f"a selector of {found.manifest} without {VERSION}, whatever the label is called",
            "it selects by " + ", ".join(sorted(terms)),
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
    service = manifests.one("Service", SERVICE)
    # Without an address of its own (headless) it would lead to port 80 of the Pods themselves.
    service.field("spec.clusterIP").satisfies(lambda address: address != "None", "an address")
    service.field("spec.type").satisfies(lambda kind: kind != "ExternalName", "one with Pods")
    port = service.port(80)
    port.field("protocol").equals("TCP")
    for deployment, _, _ in tracks(manifests):
        port.reaches(deployment.container("model-server").has_port(8000), 8000)


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


def terms_of(selector):
    """The label keys that a selector of either shape speaks of, each with the values it names."""
    expressions = selector.get("matchExpressions")
    wanted = selector.get("matchLabels")
    if not isinstance(wanted, dict) and not isinstance(expressions, list):
        wanted = selector
    terms = {key: {str(value)} for key, value in (wanted or {}).items()}
    for rule in expressions or []:
        named = terms.setdefault(str(rule.get("key")), set())
        named.update(str(value) for value in rule.get("values") or [])
    return terms
