"""Checks of lab 08: a template that cannot be got wrong."""

import math

from grader import check, expect, quantity
from grader.judge.language.expectation import show
from grader.model.images import ImageRef

POLICY = "ml-inference-baseline"
ENFORCE = "ml-platform/enforce"
BUILDS = ("staging", "prod")
IMAGE = "registry.example.com/sentiment-template"
SCRAPE = "prometheus.io/scrape"


@check(
    points=1,
    hint="Read the line that is named. A kustomization file may only use what the course allows, "
    "and every path in it leads to one of your own files.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that is known, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=1.5,
    hint="Build it yourself: `k kustomize work/08-production-templates/inference/overlays/prod`. "
    "What kustomize says first is usually the file it could not find.",
)
def test_overlays_build(manifests):
    """Both overlays build, to a Deployment and a Service that Kubernetes knows."""
    for name in BUILDS:
        build = manifests.build(name)
        build.are_valid()
        build.one("Deployment", "sentiment")
        build.one("Service", "sentiment").selects(build.one("Deployment", "sentiment"))


@check(
    points=1,
    after="test_overlays_build",
    hint="A copy is no overlay: next month one of the two is forgotten. Where do the Deployments "
    "of staging and production come from?",
)
def test_overlays_share_a_base(manifests):
    """Staging and production are built from the same base."""
    for kind in ("Deployment", "Service"):
        objects = {name: manifests.build(name).one(kind, "sentiment") for name in BUILDS}
        places = {name: found.where.split(":")[0] for name, found in objects.items()}
        observed = ", ".join(f"{name} from {place}" for name, place in places.items())
        shared = len(set(places.values())) == 1 and "overlays/" not in observed
        expect(shared, f"one file that both {kind}s come from", observed, observed)


@check(
    points=1,
    after="test_overlays_build",
    hint="What distinguishes staging from the base? Kustomize has a field for each: namespace, "
    "replicas, images, labels.",
)
def test_staging(manifests):
    """Staging runs one replica of v2.2.0 in ml-staging."""
    release(manifests, "staging", "ml-staging", 1, "v2.2.0")


@check(
    points=1,
    after="test_overlays_build",
    hint="Production runs what has been proven, under a name that never moves. How many replicas "
    "does the table want?",
)
def test_prod(manifests):
    """Production runs three replicas of v2.1.0 in ml-prod."""
    release(manifests, "prod", "ml-prod", 3, "v2.1.0")


@check(
    points=2,
    after="test_overlays_build",
    hint="What is tried in staging must be what runs in production. Compare the two builds with "
    "diff. A version in a selector is a trap of its own: can a selector be changed later?",
)
def test_only_the_allowed_fields_differ(manifests):
    """Staging and production differ in namespace, replicas, image tag and model version only."""
    staging, prod = (flattened(manifests.build(name)) for name in BUILDS)
    different = [
        f"{key[0]} {key[1]}: {show(staging.get(key))} in staging, {show(prod.get(key))} in prod"
        for key in sorted(staging.keys() | prod.keys())
        if staging.get(key) != prod.get(key)
        and not may_differ(key, staging.get(key), prod.get(key))
    ]
    observed = "; ".join(different) or f"{len(staging)} fields compared, and nothing else differs"
    expect(not different, "the same in staging and prod", observed, "inference/overlays")


@check(
    points=2,
    after="test_overlays_build",
    hint="Go through the six lines of the table with your base beside it. Which of them does the "
    "Pod template carry, and which only the Deployment?",
)
def test_template_is_complete(manifests):
    """The template has probes, requests, labels, metrics and a rollout without dips."""
    for name in BUILDS:
        found = deployment(manifests, name)
        server = found.container("model-server")
        server.has_port(8000)
        server.probe("readiness").gets("/ready", port=8000)
        server.probe("liveness").gets("/live", port=8000)
        server.requested("cpu").equals(quantity("500m"))
        server.requested("memory").equals(quantity("1Gi"))
        template = "spec.template.metadata"
        found.field(f"{template}.labels.team").equals("ml-serving")
        found.field(f'{template}.annotations["{SCRAPE}"]').equals("true")
        found.field("spec.strategy.type").equals("RollingUpdate")
        unavailable = found.field("spec.strategy.rollingUpdate.maxUnavailable")
        replicas = found.field("spec.replicas").value
        unavailable.satisfies(lambda value, n=replicas: share(value, n) == 0, "0")


@check(
    points=0.5,
    after="test_overlays_build",
    hint="Follow a request from port 80 of the Service to the process. Which name does the port "
    "have in the container?",
)
def test_service_reaches_the_server(manifests):
    """Port 80 of the Service leads to port 8000 of the model server, by TCP."""
    for name in BUILDS:
        service = manifests.build(name).one("Service", "sentiment")
        # Without an address of its own (headless) it would lead to port 80 of the Pods themselves.
        service.field("spec.clusterIP").satisfies(lambda address: address != "None", "an address")
        port = service.port(80)
        port.field("protocol").equals("TCP")
        port.reaches(deployment(manifests, name).container("model-server"), 8000)


@check(
    points=1,
    hint="The policy holds where a namespace asks for it. Label values are text: what is a bare "
    "true in YAML?",
)
def test_namespaces_ask_for_the_policy(manifests):
    """The namespaces ml-staging and ml-prod carry the label that the policy looks for."""
    for name in ("ml-staging", "ml-prod"):
        manifests.one("Namespace", name).field(f'metadata.labels["{ENFORCE}"]').equals("true")


@check(
    points=1,
    hint="What becomes of a request when the policy cannot be evaluated? And what does a binding "
    "do with one that has failed?",
)
def test_policy_fails_closed(manifests):
    """The policy refuses what it cannot evaluate, and its binding denies."""
    policy = manifests.one("ValidatingAdmissionPolicy", POLICY)
    policy.field("spec.failurePolicy").satisfies(lambda value: value in (None, "Fail"), "Fail")
    bindings = [
        binding
        for binding in manifests.all("ValidatingAdmissionPolicyBinding")
        if binding.field("spec.policyName").value == POLICY
    ]
    expect(bindings, f"a binding of {POLICY}", "no binding names it", policy.where)
    actions = [action for b in bindings for action in b.field("spec.validationActions").value or []]
    where = bindings[0].field("spec.validationActions").where
    expect("Deny" in actions, "a binding that says Deny", ", ".join(map(str, actions)), where)


@check(
    points=2,
    hint="A failed training run wants to be looked at, and continued from its last checkpoint. "
    "Which lines of the table does your template not have yet?",
)
def test_training_template(manifests):
    """The training template asks for a GPU, counts in a quota, keeps checkpoints and failures."""
    job = manifests.one("Job", "training-template", "ml-train")
    job.field("spec.suspend").equals(True)
    job.field("spec.backoffLimit").equals(2)
    job.pod_field("restartPolicy").equals("Never")
    trainer = job.container("trainer")
    trainer.image_is("registry.example.com/trainer-template:v1.0.0")
    trainer.field('resources.limits["nvidia.com/gpu"]').equals(quantity("1"))
    trainer.requested("cpu").equals(quantity("4"))
    trainer.requested("memory").equals(quantity("16Gi"))
    mount = trainer.mount("/checkpoints")
    mount.volume.field("persistentVolumeClaim.claimName").equals("checkpoints")
    for place in (mount, mount.volume.field("persistentVolumeClaim")):  # either of them is enough
        place.field("readOnly").satisfies(lambda value: not value, "false, or not written")
    pvc = manifests.one("PersistentVolumeClaim", "checkpoints", "ml-train")
    pvc.field("spec.accessModes").equals(["ReadWriteOnce"])
    pvc.field("spec.resources.requests.storage").equals(quantity("20Gi"))


def deployment(manifests, name):
    """The Deployment of one build."""
    return manifests.build(name).one("Deployment", "sentiment")


def release(manifests, name, namespace, replicas, version):
    """What an overlay decides."""
    build = manifests.build(name)
    for kind in ("Deployment", "Service"):
        build.one(kind, "sentiment").field("metadata.namespace").equals(namespace)
    found = deployment(manifests, name)
    found.field("spec.replicas").equals(replicas)
    found.container("model-server").image_is(f"{IMAGE}:{version}")
    found.field('spec.template.metadata.labels["model-version"]').equals(version)


def flattened(build):
    """Every scalar of the build's objects: (object, path) -> value."""
    found, written = {}, {}
    for one in build.all():
        name = f"{one.kind}/{one.object_name}"
        flatten(one.full, "", name, found)
        flatten(one.manifest.value, "", name, written)
    # A pull policy that nobody writes follows from the tag, which may differ.
    return {
        key: value
        for key, value in found.items()
        if key in written or not key[1].endswith(".imagePullPolicy")
    }


def flatten(value, path, name, found):
    """Add the scalars below `value`; what lists hold goes by its name, where each has its own."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            flatten(below, f"{path}.{key}" if path else str(key), name, found)
    elif isinstance(value, list) and value:
        names = [below.get("name") if isinstance(below, dict) else None for below in value]
        by_name = None not in names and len(set(names)) == len(names)
        for key, below in zip(names if by_name else range(len(value)), value, strict=True):
            flatten(below, f"{path}[{key}]", name, found)
    else:
        found[(name, path)] = value


def may_differ(key, one, other):
    """Whether staging and production may have different values there."""
    _, path = key
    if path in ("metadata.namespace", "spec.replicas"):
        return True
    if path.endswith((".labels.model-version", "abels.environment", "selector.environment")):
        return True
    # An init container of the same image goes with the release; an image of its own does not.
    return path.endswith("].image") and repository(one) == repository(other) == IMAGE


def repository(image):
    """The image without its tag, or None."""
    try:
        return ImageRef.parse(image).name
    except (TypeError, ValueError):
        return None


def share(value, replicas):
    """How many replicas may be missing; a percentage rounds down."""
    if isinstance(value, str) and value.endswith("%"):
        return math.floor(float(value[:-1]) * replicas / 100)
    return value
