"""Checks of lab 05: replicas that follow the load, and the scaler that fits."""

from grader import check, expect, quantity

NAMESPACE = "ml-serving"
NAME = "sentiment-inference"
SCALER = "HorizontalPodAutoscaler"


def scaler_of(manifests):
    """The HPA of the model server."""
    return manifests.one(SCALER, NAME)


def stays(deployment):
    """The containers that run as long as the Pod: the autoscaler adds up their requests."""
    first = deployment.init_containers()
    return [
        *deployment.containers(),
        *(container for container in first if container.field("restartPolicy").value == "Always"),
    ]


def not_paused(annotations):
    """Whether no annotation makes KEDA pause; `paused: "false"` does not."""
    pauses = "autoscaling.keda.sh/paused"
    found = {key: value for key, value in (annotations or {}).items() if key.startswith(pauses)}
    return all(str(value).lower() == "false" for value in found.values())


def variables(container):
    """Names of a container's variables; None among them where others come from somewhere else."""
    if container.field("envFrom").value:
        yield None
    for entry in container.field("env").value or []:
        yield entry.get("name")


def same_number(text, number):
    """Whether a text, such as KEDA's metadata hold, is this number."""
    try:
        return float(text) == number
    except (TypeError, ValueError):
        return False


def decides(manifests, situation, choice, because):
    """The form has this choice, for this reason."""
    row = manifests.form("decisions.yaml").field(f'situations["{situation}"]')
    row.field("choice").equals(choice)
    row.field("because").equals(because)


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain --api-version=autoscaling/v2 "
    "hpa.spec` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A scaler finds its target in its own namespace only. Does each object say which one that "
    "is?",
)
def test_objects_name_their_namespace(manifests):
    """The autoscaler and all other objects name the namespace ml-serving themselves."""
    manifests.one("Deployment", NAME)
    scaler_of(manifests)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1.5,
    hint="65 % needs something that is 100 %. Which field of a container is that, and which "
    "containers of the Pod must have it?",
)
def test_requests(manifests):
    """The model server requests 100m of CPU, and no container of its Pod is without a request."""
    deployment = manifests.one("Deployment", NAME)
    deployment.container("model-server").requested("cpu").equals(quantity("100m"))
    for container in stays(deployment):
        container.requested("cpu").satisfies(lambda value: value is not None, "a CPU request")


@check(
    points=1,
    hint="Two writers of one field take turns at undoing each other. Whose number is `replicas` "
    "once there is an autoscaler?",
)
def test_replicas_are_left_to_the_autoscaler(manifests):
    """The Deployment names no number of replicas."""
    manifests.one("Deployment", NAME).field("spec.replicas").is_absent()


@check(
    points=1,
    hint="Name the object that has a `scale` subresource: group and version, kind and name. And "
    "only one version of the autoscaling API knows `behavior`.",
)
def test_autoscaler_target(manifests):
    """The autoscaler is autoscaling/v2 and scales the Deployment sentiment-inference."""
    scaler = scaler_of(manifests)
    scaler.field("apiVersion").equals("autoscaling/v2")
    target = scaler.field("spec.scaleTargetRef")
    target.field("apiVersion").equals("apps/v1")
    target.field("kind").equals("Deployment")
    target.field("name").equals("sentiment-inference")


@check(
    points=1,
    hint="The lower bound is what a quiet night costs; the upper one is what a bad day may cost.",
)
def test_autoscaler_bounds(manifests):
    """It keeps between 3 and 20 replicas."""
    spec = scaler_of(manifests).field("spec")
    spec.field("minReplicas").equals(3)
    spec.field("maxReplicas").equals(20)


@check(
    points=1.5,
    hint="A target can be an amount or a share. Which of the two follows the requests when they "
    "are changed?",
)
def test_autoscaler_metric(manifests):
    """Its one metric is the CPU of the Pods, at 65 % of what they request."""
    metrics = scaler_of(manifests).field("spec.metrics")
    metrics.satisfies(lambda found: isinstance(found, list) and len(found) == 1, "one metric")
    metric = metrics.field("[0]")
    metric.field("type").is_one_of(["Resource", "ContainerResource"])
    source = metric.field("resource")
    if metric.field("type").value == "ContainerResource":
        # The Pod's only container: its usage is the Pod's.
        source = metric.field("containerResource")
        source.field("container").equals("model-server")
    source.field("name").equals("cpu")
    source.field("target.type").equals("Utilization")
    source.field("target.averageUtilization").equals(65)


@check(
    points=1,
    hint="Scaling down is the direction in which being hasty hurts: the next wave finds cold "
    "replicas. Where does the autoscaler keep its memory of the last minutes?",
)
def test_autoscaler_window(manifests):
    """It looks back over 120 s before it scales down, and not at all before it scales up."""
    behavior = scaler_of(manifests).field("spec.behavior")
    behavior.field("scaleDown.stabilizationWindowSeconds").equals(120)
    behavior.field("scaleDown.selectPolicy").satisfies(
        lambda policy: policy != "Disabled", "a policy that lets it fall"
    )
    up = behavior.field("scaleUp.stabilizationWindowSeconds").value
    where = behavior.field("scaleUp").where
    words = "no window before scaling up"
    expect(up in (None, 0), words, f"a window of {up} s" if up else words, where)


@check(
    points=1,
    hint="Nobody waits for this work, so there may be times without any worker. KEDA's own fields "
    "for the bounds are not called like those of an autoscaler.",
)
def test_scaled_object(manifests):
    """The ScaledObject scales the Deployment embedding-workers between 0 and 30."""
    # As for the autoscaler: a number here would be put back with each release.
    manifests.one("Deployment", "embedding-workers").field("spec.replicas").is_absent()
    scaler = manifests.one("ScaledObject", "embedding-workers")
    scaler.field("metadata.annotations").satisfies(not_paused, "none that pauses the scaling")
    spec = scaler.field("spec")
    target = spec.field("scaleTargetRef")
    target.field("name").equals("embedding-workers")
    target.field("kind").satisfies(lambda kind: kind in (None, "Deployment"), "Deployment")
    # KEDA looks for exactly this group and version.
    target.field("apiVersion").satisfies(
        lambda version: version in (None, "apps/v1"), "apps/v1, or left out"
    )
    idle = spec.field("idleReplicaCount")
    idle.satisfies(lambda count: count in (None, 0), "0, or left out")
    # KEDA's own default is 0. With none while idle, 1 says the same: its autoscaler's least is 1.
    # It then has to be written, since KEDA refuses an idle count that is not below it.
    lowest = (0, 1) if idle.value == 0 else (None, 0)
    words = "written, 0 or 1, beside idleReplicaCount" if idle.value == 0 else "0"
    spec.field("minReplicaCount").satisfies(lambda least: least in lowest, words)
    spec.field("maxReplicaCount").equals(30)


@check(
    points=1.5,
    hint="Workers that wait for an answer from elsewhere are idle while the queue grows. Which "
    "number tells how much work there is, whatever the workers are doing?",
)
def test_scaled_object_trigger(manifests):
    """Its trigger is the length of the RabbitMQ queue embeddings, 20 messages for each worker."""
    triggers = manifests.one("ScaledObject", "embedding-workers").field("spec.triggers")
    triggers.satisfies(lambda found: isinstance(found, list) and len(found) == 1, "one trigger")
    trigger = triggers.field("[0]")
    trigger.field("type").equals("rabbitmq")
    # KEDA divides by the number of workers where nobody says otherwise.
    trigger.field("metricType").satisfies(
        lambda kind: kind in (None, "AverageValue"), "AverageValue, or left out"
    )
    metadata = trigger.field("metadata")
    metadata.field("hostFromEnv").equals("RABBITMQ_URL")
    workers = manifests.one("Deployment", "embedding-workers")
    known = {name for worker in workers.containers() for name in variables(worker)}
    expect(
        "RABBITMQ_URL" in known or None in known,
        "workers that have the variable RABBITMQ_URL, which KEDA reads from them",
        ", ".join(sorted(map(str, known))) or "no variables",
        workers.where,
    )
    metadata.field("queueName").equals("embeddings")
    metadata.field("mode").equals("QueueLength")
    value = metadata.field("value")
    # That a number without quotes is refused is another check's matter.
    value.satisfies(lambda found: same_number(found, 20), '"20"')


@check(
    points=1.5,
    hint="You want a number to read, not a restart. Which mode writes recommendations only, and "
    "how must its name be written in YAML to stay a word?",
)
def test_recommendations_only(manifests):
    """The VPA feature-worker recommends requests for its Deployment and changes nothing."""
    manifests.one("Deployment", "feature-worker")
    spec = manifests.one("VerticalPodAutoscaler", "feature-worker").field("spec")
    target = spec.field("targetRef")
    target.field("kind").equals("Deployment")
    target.field("name").equals("feature-worker")
    spec.field("updatePolicy.updateMode").equals("Off")
    for scaler in manifests.all("VerticalPodAutoscaler"):
        observed = f"{scaler.name} acts on {target_of(scaler) or 'nothing'}"
        acts = target_of(scaler) == "Deployment/feature-worker"
        expect(not acts, "no VPA that acts on feature-worker", observed, scaler.where)


@check(
    points=1.5,
    hint="One scaler changes what 100 % is, the other divides by it. What happens when both act on "
    "the same Pods?",
)
def test_one_scaler_for_each_workload(manifests):
    """No workload is scaled by two scalers at once."""
    owners = {}
    for scaler in manifests.all():
        target = target_of(scaler)
        if target is None:
            continue
        before = owners.setdefault(target, scaler)
        expect(
            before is scaler,
            f"one scaler for {target}",
            f"{before.name} and {scaler.name}" if before is not scaler else f"{scaler.name} alone",
            scaler.where,
        )


def target_of(scaler):
    """`Deployment/x` that an object scales; None where it scales nothing."""
    if scaler.kind in (SCALER, "ScaledObject"):
        target = scaler.field("spec.scaleTargetRef")
    elif scaler.kind == "VerticalPodAutoscaler":
        mode = scaler.field("spec.updatePolicy.updateMode").value
        # YAML reads a bare Off as false; that it is refused is another check's matter.
        if mode in ("Off", False):
            return None
        target = scaler.field("spec.targetRef")
    else:
        return None
    kind = target.field("kind").value or "Deployment"
    return f"{kind}/{target.field('name').value}"


@check(points=1, hint="What does one more replica bring here, and is it there in time?")
def test_decision_review_page(manifests):
    """The review page gets the scaler that fits, for the right reason."""
    decides(manifests, "review-page", "hpa", "replicas-add-capacity")


@check(points=1, hint="How many workers should there be on a day without documents?")
def test_decision_document_queue(manifests):
    """The document queue gets the scaler that fits, for the right reason."""
    decides(manifests, "document-queue", "keda", "work-waits-in-a-queue")


@check(points=1, hint="Is the number of replicas wrong here, or their size?")
def test_decision_feature_worker(manifests):
    """The feature worker gets the scaler that fits, for the right reason."""
    decides(manifests, "feature-worker", "vpa", "requests-miss-usage")


@check(points=1, hint="Who has done its part already, and who has not?")
def test_decision_pending_gpus(manifests):
    """The Pods without a GPU get the scaler that fits, for the right reason."""
    decides(manifests, "pending-gpus", "cluster-autoscaler", "pods-find-no-node")


@check(points=1, hint="Compare the time that a start takes with the time that there is.")
def test_decision_flash_sale(manifests):
    """The sale gets what fits, for the right reason."""
    decides(manifests, "flash-sale", "warm-capacity", "start-is-too-slow")
