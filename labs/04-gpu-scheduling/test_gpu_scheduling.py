"""Checks of lab 04: GPUs for the trainer, and for nobody else."""

from grader import check, expect, quantity

NAMESPACE = "ml-training"
GPU = "nvidia.com/gpu"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
LOCK = f"{GPU}=present:NoSchedule"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}

# Nodes that the trainer may and must not choose, by their labels. The second A100 is one that the
# team will buy next year: whoever pins the host name keeps the trainer off it. The H100 is another
# team's: whoever only keeps off the T4 takes it. Of the last one nobody has heard yet.
A100 = {"accelerator": "nvidia-a100", "kubernetes.io/hostname": "gpu-worker"}
NEXT_A100 = {"accelerator": "nvidia-a100", "kubernetes.io/hostname": "rack7-0f3c"}
T4 = {"accelerator": "nvidia-t4", "kubernetes.io/hostname": "t4-worker"}
H100 = {"accelerator": "nvidia-h100", "kubernetes.io/hostname": "h100-worker"}
NEWER = {"accelerator": "nvidia-rubin-9e1", "kubernetes.io/hostname": "rack9-77d1"}
CPU_WORKERS = (
    {"kubernetes.io/hostname": "cpu-worker-1"},
    {"kubernetes.io/hostname": "cpu-worker-2"},
)
# Labels that each of these nodes has; which architecture is the machine's affair.
ANY_WORKER = tuple(
    {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "node-role.kubernetes.io/worker": "",
    }
    for architecture in ("amd64", "arm64")
)


def trainer_of(manifests):
    """The container that trains."""
    return manifests.one("Job", "embedding-trainer").container("trainer")


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A Node belongs to no namespace, but a Job and a Deployment do. Where would kubectl put "
    "one that names none?",
)
def test_objects_name_their_namespace(manifests):
    """The Job and the Deployment name the namespace ml-training themselves."""
    manifests.one("Job", "embedding-trainer")
    manifests.one("Deployment", "preprocess")
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="Which program starts in this container, with which words, and from which version of the "
    "image? Each word of a command is an entry of its own.",
)
def test_trainer_program(manifests):
    """The container trainer runs python train.py from the image at v1.8.0."""
    trainer = trainer_of(manifests)
    trainer.image_is("registry.example.com/embedding-trainer:v1.8.0")
    trainer.runs(["python", "train.py"])


@check(
    points=0.5,
    hint="When a run fails after six hours, do you want it to start again in place, or to stay as "
    "it ended so that you can look at it?",
)
def test_trainer_restart_policy(manifests):
    """A failed training run is not restarted in place."""
    manifests.one("Job", "embedding-trainer").pod_field("restartPolicy").equals("Never")


@check(
    points=1,
    hint="Gi and G are not the same amount, and a GPU that waits for its data loader is an "
    "expensive heater. What does the trainer need besides the GPU?",
)
def test_trainer_limits(manifests):
    """The trainer is limited to 8 CPU and 48Gi of memory."""
    trainer = trainer_of(manifests)
    trainer.field("resources.limits.cpu").equals(quantity("8"))
    trainer.field("resources.limits.memory").equals(quantity("48Gi"))


@check(
    points=1.5,
    hint="An extended resource cannot be shared or overcommitted. On which side, requests or "
    "limits, must it stand, in which steps does it count, and how many does one node have?",
)
def test_trainer_gpu(manifests):
    """The trainer asks for one whole GPU under limits, and for no other number under requests."""
    trainer = trainer_of(manifests)
    trainer.field(f'resources.limits["{GPU}"]').equals(quantity("1"))
    trainer.requested(GPU).equals(quantity("1"))


@check(
    points=1.5,
    hint="A toleration opens a door; it does not show the way. What tells the scheduler that a T4, "
    "or a CPU worker, will not do, and that any A100 will?",
)
def test_trainer_chooses_a100(manifests):
    """The trainer can be placed on any node with an A100, and on no other."""
    job = manifests.one("Job", "embedding-trainer")
    where = job.pod_field("nodeSelector").where
    named = ({**NEWER, "accelerator": value} for value in accelerators_in(job))
    others = (node for node in named if node["accelerator"] != A100["accelerator"])
    refused = ((node, False) for node in (T4, H100, NEWER, *CPU_WORKERS, *others))
    for labels, allowed in ((A100, True), (NEXT_A100, True), *refused):
        node = f"a node labelled {words(labels)}"
        expected = f"the trainer to {'accept' if allowed else 'refuse'} {node}"
        accepts = chooses(job, labels)
        expect(accepts is allowed, expected, f"it {'accepts' if accepts else 'refuses'} it", where)


@check(
    points=1.5,
    hint="Read the taint of the GPU node as a lock, with key, value and effect. Does your "
    "toleration open this lock, and this one only?",
)
def test_trainer_tolerates_the_gpu_taint(manifests):
    """The trainer tolerates the taint of the GPU nodes by its key, and not every taint there is."""
    tolerations = manifests.one("Job", "embedding-trainer").pod_field("tolerations")
    entries = tolerations.value or []
    keyless = [entry for entry in entries if not entry.get("key")]
    expect(not keyless, "tolerations that name their key", brief(entries), tolerations.where)
    opens = any(tolerates(entry, TAINT) for entry in entries)
    expect(opens, f"a toleration of {LOCK}", brief(entries), tolerations.where)


@check(
    points=1,
    hint="Preprocessing is ordinary stateless work: what must its Deployment say so that two of "
    "them run, and so that the scheduler knows how much room each needs?",
)
def test_preprocess(manifests):
    """The Deployment preprocess runs two labelled replicas that request 4 CPU and 8Gi each."""
    deployment = manifests.one("Deployment", "preprocess")
    deployment.field("spec.replicas").equals(2)
    label = deployment.pod_labels().get("app")
    where = deployment.field("spec.template.metadata.labels").where
    observed = f"app: {label or 'nothing'}"
    expect(label == "preprocess", "Pods labelled app: preprocess", observed, where)
    deployment.selects(deployment)
    container = deployment.container("preprocess")
    container.image_is("registry.example.com/preprocess:v1.0.0")
    container.requested("cpu").equals(quantity("4"))
    container.requested("memory").equals(quantity("8Gi"))


@check(
    points=1.5,
    hint="The taint keeps off whoever brings no key. Has preprocess been given one, or does it ask "
    "for what only a GPU node has?",
)
def test_preprocess_wants_no_gpu(manifests):
    """The Deployment preprocess asks for no GPU and tolerates no taint of a GPU node."""
    deployment = manifests.one("Deployment", "preprocess")
    for container in [*deployment.containers(), *deployment.init_containers()]:
        for side in ("requests", "limits"):
            container.field(f'resources.{side}["{GPU}"]').satisfies(
                lambda amount: amount is None or quantity("0") == amount, "absent"
            )
    tolerations = deployment.pod_field("tolerations")
    entries = tolerations.value or []
    opens = any(tolerates(entry, TAINT) for entry in entries)
    expect(not opens, f"no toleration of {LOCK}", brief(entries), tolerations.where)
    accepts = any(chooses(deployment, node) for node in CPU_WORKERS)
    verb = "allows" if accepts else "rules out"
    observed = f"a node name, selector or affinity that {verb} CPU workers"
    expect(accepts, "a Pod that may run on a CPU worker", observed, deployment.where)


@check(
    points=1,
    hint="What will the trainer's nodeSelector look for, and does the Node of exactly that name "
    "carry it in your manifest?",
)
def test_node_label(manifests):
    """The Node manifest of gpu-worker gives it the label accelerator: nvidia-a100."""
    node = manifests.one("Node", "gpu-worker")
    node.field("metadata.labels.accelerator").equals("nvidia-a100")
    for other in manifests.all("Node"):
        changed = f"a manifest for {other.object_name}"
        expect(other.object_name == "gpu-worker", "no other Node changed", changed, other.where)


@check(
    points=1,
    hint="A taint is a key, a value and an effect. Which of the three effects is a rule for new "
    "Pods, which a mere wish, and which throws out those already there?",
)
def test_node_taint(manifests):
    """The Node manifest of gpu-worker gives it the taint nvidia.com/gpu=present:NoSchedule."""
    taints = manifests.one("Node", "gpu-worker").field("spec.taints")
    seen = [lock(taint) for taint in taints.value or []]
    observed = ", ".join(seen) or "none"
    expect(seen == [lock(TAINT)], f"the taint {lock(TAINT)} and no other", observed, taints.where)


def chooses(workload, labels):
    """Whether nodeName, nodeSelector and required node affinity accept a node of these labels."""
    pinned = workload.pod_field("nodeName").value
    if pinned not in (None, "", labels["kubernetes.io/hostname"]):
        return False
    return any(accepts(workload, {**given, **labels}) for given in ANY_WORKER)


def accelerators_in(workload):
    """The accelerators that the required node affinity names, for whatever reason."""
    terms = workload.pod_field(f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms").value or []
    rules = [rule for term in terms for rule in term.get("matchExpressions") or []]
    named = [rule.get("values") or [] for rule in rules if rule.get("key") == "accelerator"]
    return sorted({str(value) for values in named for value in values})


def accepts(workload, labels):
    """Whether nodeSelector and required node affinity accept exactly these labels."""
    selector = workload.pod_field("nodeSelector").value or {}
    terms = workload.pod_field(f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms").value
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    return terms is None or any(fits(term, labels) for term in terms)


def fits(term, labels):
    """Whether one term of a node affinity fits; an empty term fits no node."""
    name = labels["kubernetes.io/hostname"]
    pairs = [
        *((rule, labels.get(rule["key"])) for rule in term.get("matchExpressions") or []),
        *((rule, name) for rule in term.get("matchFields") or []),
    ]
    return bool(pairs) and all(holds(rule, value) for rule, value in pairs)


def holds(rule, value):
    """Whether one expression of a node affinity holds for a label's value, None if it is absent."""
    operator, values = rule["operator"], rule.get("values") or []
    if operator in ("Gt", "Lt"):
        if value is None or not value.lstrip("-").isdigit():
            return False
        return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(operator, False)


def tolerates(toleration, taint):
    """Whether a toleration opens a taint, as the scheduler decides it."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint["value"]


def lock(taint):
    """A taint as kubectl writes it."""
    return f"{taint.get('key')}={taint.get('value') or ''}:{taint.get('effect')}"


def brief(tolerations):
    """Tolerations on one line."""
    return "; ".join(words(entry) for entry in tolerations) or "no toleration"


def words(entry):
    """A mapping on one line."""
    pairs = (f"{key}: {'nothing' if value is None else value}" for key, value in entry.items())
    return ", ".join(pairs) or "everything"
