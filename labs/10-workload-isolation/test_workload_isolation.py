"""Checks of lab 10: three workloads that share nodes and not their fate."""

import itertools
import math
import re
import shlex

from grader import check, expect, quantity
from grader.judge.language.shell import commands, expand

SHARD_COUNT = 8
AMOUNTS = ("minAvailable", "maxUnavailable")
DISRUPTIONS = "action Ignore for a Pod with the condition DisruptionTarget"
INDEX = "batch.kubernetes.io/job-completion-index"
NAMESPACES = ("ml-online", "ml-batch", "ml-train")
OWN_METADATA = re.compile(r"metadata\.(annotations|labels)\['([^']+)'\]")


def ranker_of(manifests):
    """The online Deployment."""
    return manifests.one("Deployment", "ranker", "ml-online")


def shards_of(manifests):
    """The batch Job."""
    return manifests.one("Job", "score-shards", "ml-batch")


def training_of(manifests):
    """The training Job."""
    return manifests.one("Job", "train-ranker", "ml-train")


def working(workload, name):
    """The container of this name. One that must be over before the Pod's work begins is none."""
    found = workload.container(name)
    is_main = any(container.path == found.path for container in workload.containers())
    expect(is_main, f"{name} among the containers", f"{name} is an init container", found.where)
    return found


def tried_once(workload, name):
    """The container of this name, which nothing starts again within its Pod."""
    found = working(workload, name)
    workload.pod_field("restartPolicy").equals("Never")
    # A container's own policy and rules stand above those of its Pod.
    found.field("restartPolicy").satisfies(
        lambda policy: policy in (None, "Never"), "Never, or left to the Pod"
    )
    found.field("restartPolicyRules").satisfies(lambda rules: not rules, "none")
    return found


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="Three teams, three namespaces: which object is in none of them, or in somebody else's?",
)
def test_each_workload_in_its_namespace(manifests):
    """Online, batch and training live in namespaces of their own, and say so."""
    ranker_of(manifests)
    shards_of(manifests)
    training_of(manifests)
    manifests.one("PodDisruptionBudget", "ranker", "ml-online")
    manifests.one("PersistentVolumeClaim", "training-checkpoints", "ml-train")
    manifests.every_namespace_is(*NAMESPACES)


@check(
    points=1.5,
    hint="When one Pod must go so that another can run, the lower value goes. Write the three down "
    "in the order in which you would send them away yourself.",
)
def test_priority_order(manifests):
    """Online stands above training and training above batch; none of them is the default."""
    names = ("ml-online", "ml-train", "ml-batch")
    classes = [manifests.one("PriorityClass", name) for name in names]
    for found in classes:
        found.field("value").satisfies(lambda value: isinstance(value, int), "a number")
    for higher, lower in itertools.pairwise(classes):
        floor = lower.field("value").value
        higher.field("value").satisfies(
            lambda value, floor=floor: value > floor,
            f"above {floor}, the value of {lower.object_name}",
        )
    for found in classes:
        found.field("globalDefault").satisfies(lambda value: not value, "false, or not written")


@check(
    points=1,
    hint="A PriorityClass does nothing until a Pod template names it. Which of the three does not?",
)
def test_each_workload_has_its_class(manifests):
    """Each workload's Pods name the PriorityClass of their kind."""
    ranker_of(manifests).pod_field("priorityClassName").equals("ml-online")
    shards_of(manifests).pod_field("priorityClassName").equals("ml-batch")
    training_of(manifests).pod_field("priorityClassName").equals("ml-train")


@check(
    points=1,
    hint="Online work is judged by its slowest request. How many replicas, asked which question "
    "before they get traffic, and how many may be missing during a release?",
)
def test_online_deployment(manifests):
    """The ranker has four replicas, asks /ready before traffic, and rolls one extra at a time."""
    ranker = ranker_of(manifests)
    ranker.field("spec.replicas").equals(4)
    server = working(ranker, "server")
    server.image_is("registry.example.com/ranker:v3.4.0")
    server.probe("readiness").gets("/ready", port=8000)
    ranker.rollout(max_surge=1, max_unavailable=0)


@check(
    points=1,
    hint="The scheduler adds up requests and nothing else. What has to be written so that it knows "
    "when a node is full?",
)
def test_requests(manifests):
    """Every Pod of the three workloads requests the CPU and memory that the task names."""
    for workload, name, memory in (
        (ranker_of(manifests), "server", quantity("2Gi")),
        (shards_of(manifests), "scorer", quantity("2Gi")),
        (training_of(manifests), "trainer", quantity("4Gi")),
    ):
        container = working(workload, name)
        container.requested("cpu").equals(quantity("2"))
        container.requested("memory").equals(memory)


@check(
    points=1.5,
    hint="Say it as a sentence first: of four replicas, how many must stay, and how many may "
    "somebody with a node to repair take at a time?",
)
def test_disruption_budget(manifests):
    """The budget selects the ranker's Pods, keeps three of the four and lets one go."""
    budget = manifests.one("PodDisruptionBudget", "ranker", "ml-online")
    budget.selects(ranker_of(manifests))
    spec = budget.field("spec")
    may_go = disruptions(spec.value or {}, 4)
    written = {key: spec.value[key] for key in AMOUNTS if key in (spec.value or {})}
    observed = f"{words(written)}, which lets {may_go} go"
    if may_go is None:
        observed = f"{words(written)} as a string, which is no percentage"
    expect(may_go == 1, "a budget that lets 1 of 4 go", observed, spec.where)


@check(
    points=1.5,
    hint="Eight pieces with a number each, three at a time. Which mode of a Job gives every Pod "
    "its number, and who starts a failed one again, the kubelet or the Job?",
)
def test_batch_job(manifests):
    """The batch Job has eight indexed shards, three at a time, each Pod tried once."""
    job = shards_of(manifests)
    job.field("spec.completionMode").equals("Indexed")
    job.field("spec.completions").equals(8)
    job.field("spec.parallelism").equals(3)
    tried_once(job, "scorer").image_is("registry.example.com/shard-scorer:v1.2.0")


@check(
    points=1,
    hint="A single number for the whole Job lets one bad shard use up everybody's retries. Which "
    "field counts for each index by itself?",
)
def test_retries_are_counted_per_shard(manifests):
    """Each shard has one to three retries of its own."""
    job = shards_of(manifests)
    retries = job.field("spec.backoffLimitPerIndex").at_least(1).at_most(3)
    # Both limits count at once: a lower one for the whole Job ends all shards before their own do.
    job.field("spec.backoffLimit").at_least(SHARD_COUNT * retries.value)


@check(
    points=1.5,
    hint="The scheduler and the drain mark a Pod before they take it. Which condition is it, and "
    "what should the Job do with a failure that carries it?",
)
def test_disruptions_are_ignored(manifests):
    """A Pod that was evicted or preempted is done again without counting as a failure."""
    policy = shards_of(manifests).field("spec.podFailurePolicy.rules")
    rules = policy.value or []
    if not any(is_about_disruptions(rule) for rule in rules):
        expect(False, DISRUPTIONS, "no rule about Pods that have it", policy.where)
    # Rules are asked in order, and the first that fits decides. A process that is asked to stop may
    # end with any code, so a rule about codes must not stand above this one.
    first = next(rule for rule in rules if is_about_disruptions(rule) or is_about_codes(rule))
    observed = f"action {first.get('action')}"
    if not is_about_disruptions(first):
        observed += f" by an earlier rule, for {words(first['onExitCodes'])}"
    expect(first.get("action") == "Ignore", DISRUPTIONS, observed, policy.where)


@check(
    points=1.5,
    hint="Work out what the container would be told for shard 5 on its first attempt, and on its "
    "second. Where does the number come from, and is it there at the moment when it is needed?",
)
def test_output_follows_the_index(manifests):
    """Each attempt at a shard writes to the same place, and no two shards to one."""
    job = shards_of(manifests)
    scorer = working(job, "scorer")
    maps = {
        found.object_name: found.field("data").value
        for found in manifests.all("ConfigMap")
        if found.namespace == "ml-batch"
    }
    metadata = job.field("spec.template.metadata").value
    metadata = metadata if isinstance(metadata, dict) else {}
    writers = {}
    for index in range(SHARD_COUNT):
        for pod in (f"score-shards-{index}-abcde", f"score-shards-{index}-vwxyz"):
            env = environment(scorer.value, told_by_pod(metadata, index, pod), maps)
            env.setdefault("JOB_COMPLETION_INDEX", str(index))
            seen = output_of(scorer.value, env, hostname=f"score-shards-{index}")
            expected = f"s3://ml-scores/nightly/shard-{index}.parquet"
            where = scorer.field("args").where
            expect(expected in seen, f"shard {index} to write {expected}", ", ".join(seen), where)
            # In the store all Pods write; any other place is the container's own.
            for output in [place for place in seen if place.startswith("s3://")]:
                other = writers.setdefault(output, index)
                observed = f"{output} by shards {other} and {index}"
                expect(other == index, "each output by one shard", observed, where)


@check(
    points=1,
    hint="When a run fails after five hours, what should happen by itself, and what should wait "
    "for somebody to look?",
)
def test_training_job(manifests):
    """A failed training run is neither restarted nor repeated by itself."""
    job = training_of(manifests)
    job.field("spec.backoffLimit").equals(0)
    tried_once(job, "trainer").image_is("registry.example.com/ranker-trainer:v0.9.0")


@check(
    points=1,
    hint="What is left of a run when its node is taken away in the fourth hour? It has to be on a "
    "volume that outlives the Pod, and that one Pod writes.",
)
def test_checkpoints(manifests):
    """The trainer writes its checkpoints to a claim of 20Gi that one node may write."""
    claim = manifests.one("PersistentVolumeClaim", "training-checkpoints", "ml-train")
    claim.field("spec.resources.requests.storage").equals(quantity("20Gi"))
    claim.field("spec.accessModes").satisfies(
        lambda modes: modes in (["ReadWriteOnce"], ["ReadWriteOncePod"]), "ReadWriteOnce"
    )
    mount = working(training_of(manifests), "trainer").mount("/checkpoints")
    volume = mount.volume
    volume.field("persistentVolumeClaim.claimName").equals("training-checkpoints")
    for place in (mount, volume.field("persistentVolumeClaim")):  # either of them is enough
        place.field("readOnly").satisfies(lambda value: not value, "false, or not written")


@check(
    points=1.5,
    hint="A step of training may be silent for minutes, a run takes five hours, and saving a "
    "checkpoint a minute and a half. Which three fields could cut that short?",
)
def test_training_is_not_hurried(manifests):
    """No liveness probe, no early deadline, and at least 120 seconds to save a last checkpoint."""
    job = training_of(manifests)
    trainer = working(job, "trainer")
    trainer.field("livenessProbe").is_absent()
    for deadline in (
        job.field("spec.activeDeadlineSeconds"),
        job.pod_field("activeDeadlineSeconds"),
    ):
        deadline.satisfies(
            lambda seconds: seconds is None or seconds >= 21600, "21600 or more, or not written"
        )
    job.pod_field("terminationGracePeriodSeconds").at_least(120)


def disruptions(spec, replicas):
    """How many of so many healthy Pods a budget lets go; percentages round up on both sides."""
    if spec.get("maxUnavailable") is not None:
        return share(spec["maxUnavailable"], replicas)
    if spec.get("minAvailable") is None:  # neither is written: the controller lets nothing go
        return 0
    kept = share(spec["minAvailable"], replicas)
    return None if kept is None else max(0, replicas - kept)


def share(value, replicas):
    """A number, or a percentage of the replicas, rounded up."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        return math.ceil(int(value[:-1]) * replicas / 100)
    return value if isinstance(value, int) else None


def is_about_disruptions(rule):
    """Whether a rule of a podFailurePolicy speaks of Pods that were taken away."""
    return any(
        pattern.get("type") == "DisruptionTarget" and pattern.get("status", "True") == "True"
        for pattern in rule.get("onPodConditions") or []
    )


def is_about_codes(rule):
    """Whether this rule lets an exit code of the scorer decide, and counts it as a failure."""
    codes = rule.get("onExitCodes") or {}
    if not codes or rule.get("action") == "Ignore":
        return False
    return codes.get("containerName") in (None, "scorer")


def output_of(container, env, hostname):
    """What the commands of a container with these variables are told as --output.

    The last one of a command counts, as programs read it; what is only printed does not. The Job
    controller names the host after Job and index, which a shell sees and the kubelet's `$(…)` not.
    """
    line = [
        expand(word, env) for word in [*command(container, "command"), *command(container, "args")]
    ]
    found = [
        output
        for words in commands(line, {"HOSTNAME": hostname, **env})
        if words[:1] and words[0] not in ("echo", "printf", ":", "true")
        for output in outputs(words)[-1:]
    ]
    return found or ["no --output among " + (shlex.join(line) or "no words at all")]


def outputs(words):
    """Every value of --output in one command, whether behind a `=` or in a word of its own."""
    return [
        word.partition("=")[2] if "=" in word else (words[place + 1 :] or [""])[0]
        for place, word in enumerate(words)
        if word == "--output" or word.startswith("--output=")
    ]


def told_by_pod(metadata, index, pod):
    """What a fieldRef gives the `index`-th Pod of the Job, by the field's path.

    Of fields that differ from Pod to Pod the Pod's own name stands for all.
    """

    def told(path):
        found = OWN_METADATA.fullmatch(path or "")
        if found is None:
            return "ml-batch" if path == "metadata.namespace" else pod
        if found[2] == INDEX:
            return str(index)
        entries = metadata.get(found[1])
        return str(entries.get(found[2]) or "") if isinstance(entries, dict) else ""

    return told


def environment(container, told, configmaps):
    """The variables of a Pod of an Indexed Job, in the order in which the kubelet resolves them.

    The Job controller appends JOB_COMPLETION_INDEX behind the variables of the manifest, so that
    `$(JOB_COMPLETION_INDEX)` means something in command and args, and nothing in their values.
    """
    env = {}
    for source in container.get("envFrom") or []:
        data = configmaps.get((source.get("configMapRef") or {}).get("name")) or {}
        env |= {f"{source.get('prefix') or ''}{key}": str(data[key]) for key in data}
    for entry in container.get("env") or []:
        source = entry.get("valueFrom") or {}
        if (key := source.get("configMapKeyRef")) is not None:
            value = (configmaps.get(key.get("name")) or {}).get(key.get("key"))
        elif source:
            value = told((source.get("fieldRef") or {}).get("fieldPath"))
        else:
            value = expand(str(entry.get("value") or ""), env)
        if value is not None:
            env[entry["name"]] = str(value)
    return env


def command(container, part):
    """The words of command or args."""
    return [str(word) for word in container.get(part) or []]


def words(entry):
    """A mapping on one line."""
    return ", ".join(f"{key}: {value}" for key, value in entry.items()) or "nothing written"
