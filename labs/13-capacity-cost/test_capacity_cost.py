"""Checks of lab 13: room for the peak, with a node less, and a bill that adds up."""

import math

from grader import check, expect, quantity
from grader.model.selectors import matches

NAMESPACE = "ml-capacity"
SEARCH = "Deployment/search-ranking"
FEATURES = "Deployment/feature-api"
WARM = "Deployment/warm-pool"
TEAM, PURPOSE = "ml.example.com/team", "ml.example.com/purpose"
VERSION = "ml.example.com/model-version"
LOST = "worker-3"
NODE_CORES, NODE_MEMORY = 8, 32 * 2**30

PEAK = {"search-ranking": 540, "feature-api": 300}
PER_REPLICA = {"search-ranking": 60, "feature-api": 50}
HEADROOM = 1.2
RUSH_CORES = 0.5


def search_of(manifests):
    """The Deployment that ranks search results."""
    return manifests.one("Deployment", "search-ranking")


def features_of(manifests):
    """The Deployment that serves features."""
    return manifests.one("Deployment", "feature-api")


def warm_of(manifests):
    """The Deployment that keeps room."""
    return manifests.one("Deployment", "warm-pool")


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A bill by namespace counts what is in one. Which object does not say where it is?",
)
def test_objects_name_their_namespace(manifests):
    """All three Deployments name the namespace ml-capacity themselves."""
    search_of(manifests)
    features_of(manifests)
    warm_of(manifests)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=0.5,
    hint="Which version of which program does each of the three run, and what does a Pod run that "
    "only keeps a place?",
)
def test_images(manifests):
    """Each Deployment runs the image that the task names, in the container that it names."""
    search_of(manifests).container("server").image_is("registry.example.com/search-ranking:v5.1.0")
    features_of(manifests).container("server").image_is("registry.example.com/feature-api:v2.8.0")
    warm_of(manifests).container("pause").image_is("registry.k8s.io/pause:3.10")


@check(
    points=2,
    hint="Take the highest hour of the curve, not the average. Add a fifth, and divide by what one "
    "replica carries. What do you do with the remainder?",
)
def test_replicas_carry_the_peak(manifests):
    """The replicas carry the highest hour of the traffic curve and a fifth more."""
    for deployment in (search_of(manifests), features_of(manifests)):
        name = deployment.object_name
        needed = math.ceil(PEAK[name] * HEADROOM / PER_REPLICA[name] - 1e-9)
        replicas = deployment.field("spec.replicas")
        expect(
            isinstance(replicas.value, int) and replicas.value >= needed,
            f"{deployment.manifest} to carry {PEAK[name] * HEADROOM:g} requests a second",
            carried(replicas.value, PER_REPLICA[name]),
            replicas.where,
        )


@check(
    points=2,
    hint="A request is what the scheduler keeps free for one replica. Compare yours with the "
    "measurement: is it less than was used, or much more?",
)
def test_requests_follow_the_measurement(manifests):
    """Requests are what was measured at full rate, and little more."""
    for deployment, cpu, memory in (
        (search_of(manifests), ("800m", "1"), ("1600Mi", "2Gi")),
        (features_of(manifests), ("300m", "375m"), ("800Mi", "1Gi")),
    ):
        server = deployment.container("server")
        server.requested("cpu").at_least(quantity(cpu[0])).at_most(quantity(cpu[1]))
        server.requested("memory").at_least(quantity(memory[0])).at_most(quantity(memory[1]))


@check(
    points=1.5,
    hint="A cost tool reads Pods. Where must a label stand so that the Deployment has it and every "
    "Pod as well?",
)
def test_cost_labels(manifests):
    """Every workload and its Pod template say which team pays, and for which purpose."""
    wanted = {
        "search-ranking": ("search", "serving"),
        "feature-api": ("features", "serving"),
        "warm-pool": ("platform", "headroom"),
    }
    for deployment in (search_of(manifests), features_of(manifests), warm_of(manifests)):
        team, purpose = wanted[deployment.object_name]
        for key, value in ((TEAM, team), (PURPOSE, purpose)):
            for labels, where in both_labels(deployment):
                found = labels.get(key)
                expected = f"{key}: {value} on {deployment.manifest} and its Pods"
                expect(found == value, expected, f"{key}: {found or 'nothing'}", where)
    for workload in manifests.all("Deployment"):
        for labels, where in both_labels(workload):
            bare = [key for key in (TEAM, PURPOSE) if not labels.get(key)]
            expected = f"{workload.manifest} and its Pods to carry {TEAM} and {PURPOSE}"
            expect(not bare, expected, f"no {', '.join(bare)}" if bare else "both", where)


@check(
    points=1,
    hint="What did the new model cost, compared with the one before it? The bill can only tell if "
    "the Pods say which model they run.",
)
def test_model_version_label(manifests):
    """The Pods of both services carry the version of the model that they run."""
    # The task's versions, not the written tags: a label `latest` beside the image `latest` agrees
    # with it and says nothing.
    for deployment, tag in ((search_of(manifests), "v5.1.0"), (features_of(manifests), "v2.8.0")):
        found = deployment.pod_labels().get(VERSION)
        where = deployment.field("spec.template.metadata.labels").where
        observed = f"{VERSION}: {found or 'nothing'}"
        expect(found == tag, f"Pods labelled {VERSION}: {tag}", observed, where)


@check(
    points=1.5,
    hint="Pods without a class have priority 0. Where must the warm pool stand so that every "
    "one of them may take its place?",
)
def test_warm_pool_gives_way(manifests):
    """The warm pool has a negative PriorityClass of its own, and the services may preempt it."""
    priority = manifests.one("PriorityClass", "warm-pool")
    priority.field("value").at_most(-1)
    priority.field("globalDefault").satisfies(lambda value: not value, "false, or not written")
    warm_of(manifests).pod_field("priorityClassName").equals("warm-pool")
    for deployment in (search_of(manifests), features_of(manifests)):
        name = deployment.pod_field("priorityClassName")
        name.satisfies(lambda name: name != "warm-pool", "another class, or none")
        for own in classes_of(manifests, name.value):
            own.field("value").at_least(0)
            own.field("preemptionPolicy").satisfies(lambda policy: policy != "Never", "not Never")


@check(
    points=1.5,
    hint="If a node is lost, how many cores have to be found elsewhere within seconds? That much "
    "must somebody be holding who is ready to leave.",
)
def test_warm_pool_is_worth_a_node(manifests):
    """The warm pool holds as many cores as a node has, in at least eight Pods."""
    pool = warm_of(manifests)
    replicas = pool.field("spec.replicas")
    cores = cores_of(pool)
    expect(
        cores >= 8 - 1e-9 and (replicas.value or 0) >= 8,
        "at least 8 cores in at least 8 Pods",
        f"{cores:g} cores in {replicas.value} Pods",
        replicas.where,
    )


@check(
    points=1,
    hint="A preempted Pod leaves with all the grace that it asked for, and the Pod that needs its "
    "place waits. How much grace does a program need that does nothing?",
)
def test_warm_pool_leaves_at_once(manifests):
    """A Pod of the warm pool is gone within five seconds when its place is needed."""
    pool = warm_of(manifests)
    pool.pod_field("terminationGracePeriodSeconds").at_most(5)
    for budget in manifests.all("PodDisruptionBudget"):
        selector = budget.field("spec.selector").value
        if selector is not None and matches(selector, pool.pod_labels()):
            covered = [d for d in manifests.all("Deployment") if matches(selector, d.pod_labels())]
            lets_go(budget, sum(d.field("spec.replicas").value or 0 for d in covered))


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
    points=1.5,
    needs="kubelet",
    after="test_accepted",
    hint="Add up the requests of all Pods, the warm pool's too, and compare with three nodes of 8 "
    "cores and 32Gi. Is enough left over when the last Pod comes, on each of them?",
)
def test_everything_fits_on_three_nodes(manifests, recording):
    """On three nodes every Pod of all three Deployments is Ready, and would be in any order."""
    apply = recording.during("apply")
    for workload in (SEARCH, FEATURES, WARM):
        all_ready(apply, workload)
    fit_in_any_order(manifests.all("Deployment"), nodes=3)


@check(
    points=2,
    needs="control-plane",
    after="test_everything_fits_on_three_nodes",
    hint="Look for events with reason Preempted. Which Pods did the scheduler send away, and which "
    "number told it that it may?",
)
def test_warm_pool_is_preempted(manifests, recording):
    """The scheduler makes room for others by preempting the warm pool, and nobody else."""
    pool = warm_of(manifests)
    cores = cores_of(pool)
    # Three nodes share the pool, so one of them holds at least a third: the room for one more Pod.
    expect(
        cores >= 3 * RUSH_CORES - 1e-9,
        f"the pool to hold room for a Pod of {RUSH_CORES} cores on one of three nodes",
        f"{cores:g} cores",
        pool.field("spec.replicas").where,
    )
    recording.during("rush").events(about="Pod/warm-pool-*", reason="Preempted").some()
    for other in ("Pod/search-ranking-*", "Pod/feature-api-*"):
        recording.events(about=other, reason="Preempted").none()


@check(
    points=3,
    needs="kubelet",
    after=("test_accepted", "test_warm_pool_gives_way"),
    hint="Two nodes have 16 cores. What do your services request together, and who has to leave so "
    "that they get it?",
)
def test_peak_fits_with_a_node_lost(manifests, recording):
    """With worker-3 lost the whole peak runs on the other two nodes, and would in any order."""
    lost = recording.during("lost")
    for workload in (SEARCH, FEATURES):
        all_ready(lost, workload)
        lost.node_of_pods(of=workload).finally_(
            lambda nodes: LOST not in nodes.values(), "worker-1 and worker-2"
        )
    stay = [d for d in manifests.all("Deployment") if not gives_way(d)]
    fit_in_any_order(stay, nodes=2)


@check(
    points=1,
    needs="control-plane",
    after="test_accepted",
    hint="Labels of a Deployment are not handed down. Which labels does `kubectl get pods "
    "--show-labels` print?",
)
def test_every_pod_is_on_somebody_s_bill(recording):
    """Every Pod that ever ran carries the labels of its team and purpose."""
    recording.pods().always(
        lambda pods: all(labels_of(pod).get(key) for pod in pods for key in (TEAM, PURPOSE)),
        f"labelled {TEAM} and {PURPOSE}",
    )


def carried(replicas, each):
    """What so many replicas carry, in words."""
    if not isinstance(replicas, int):
        return f"{replicas!r} replicas, which is no number"
    return f"{replicas} replicas carry {replicas * each}"


def lets_go(budget, replicas):
    """With all these replicas running, the budget lets one be evicted; percentages round up."""
    most, least = budget.field("spec.maxUnavailable"), budget.field("spec.minAvailable")
    written = most.value is not None
    keep = replicas - share(most.value, replicas) if written else share(least.value, replicas)
    observed = f"it keeps {keep} of {replicas}"
    where = (most if written else least).where
    expect(keep < replicas, f"{budget.manifest} to let a Pod of the pool go", observed, where)


def share(number, replicas):
    """A number of Pods, written as such or as a percentage; 0 where it is neither."""
    if isinstance(number, str) and number.removesuffix("%").isdecimal():
        return math.ceil(int(number.removesuffix("%")) * replicas / 100)
    return number if isinstance(number, int) else 0


def classes_of(manifests, name):
    """The PriorityClass among the files that Pods get: the one they name, or else a default."""
    every = manifests.all("PriorityClass")
    if name is not None:
        return [found for found in every if found.object_name == name]
    return [
        found
        for found in every
        if found.object_name != "warm-pool" and found.field("globalDefault").value
    ]


def cores_of(deployment):
    """Cores that all replicas of a Deployment request together."""
    return deployment.pod_requests("cpu") * (deployment.field("spec.replicas").value or 0)


def gives_way(deployment):
    """Whether its Pods stand below those that have no class."""
    return deployment.pod_field("priorityClassName").value == "warm-pool"


def fit_in_any_order(deployments, nodes):
    """No order in which the Pods come can leave one without a place.

    A Pod of size z waits only where each of n nodes has less than z left: where all others request
    more than n - n*z. So nobody ever waits if all, and (n - 1)*z of the largest, are within n. The
    size is the larger of a Pod's shares of a node's cores and memory.
    """
    in_all, largest = 0.0, 0.0
    for deployment in deployments:
        replicas = deployment.field("spec.replicas").value or 0
        cores, memory = (deployment.pod_requests(name) for name in ("cpu", "memory"))
        size = max(cores / NODE_CORES, memory / NODE_MEMORY)
        in_all += size * replicas
        largest = max(largest, size)
    needed = (in_all + (nodes - 1) * largest) * NODE_CORES
    expect(
        needed <= nodes * NODE_CORES + 1e-6,
        f"all requests, and the largest Pod {nodes - 1} times more, within "
        f"{nodes * NODE_CORES} cores, so that no order of the Pods leaves one over",
        f"{needed:g} cores",
        "requests x replicas, and what is left over on each node",
    )


def labels_of(pod):
    """A Pod's labels."""
    return pod["metadata"].get("labels") or {}


def both_labels(deployment):
    """A Deployment's own labels and those of its Pods, each with its place."""
    own = deployment.field("metadata.labels")
    pods = deployment.field("spec.template.metadata.labels")
    return ((own.value or {}, own.where), (deployment.pod_labels(), pods.where))


def all_ready(span, workload):
    """All replicas that a Deployment asks for are Ready at the end of a step."""
    found = span.object(*workload.split("/")).last
    wanted = found["spec"].get("replicas", 1) if found else 0
    expect(found, f"{workload} on the cluster", "not there" if not found else "there")
    span.ready_pods(of=workload).finally_(lambda pods: len(pods) == wanted, f"{wanted}")
