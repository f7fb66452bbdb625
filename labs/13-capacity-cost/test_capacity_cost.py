"""Checks of lab 13: room for the peak, with a node less, and a bill that adds up."""

import math

from grader import check, expect, quantity

NAMESPACE = "ml-capacity"
SEARCH = "Deployment/search-ranking"
FEATURES = "Deployment/feature-api"
WARM = "Deployment/warm-pool"
TEAM, PURPOSE = "ml.example.com/team", "ml.example.com/purpose"
VERSION = "ml.example.com/model-version"
LOST = "worker-3"

PEAK = {"search-ranking": 540, "feature-api": 300}
PER_REPLICA = {"search-ranking": 60, "feature-api": 50}
HEADROOM = 1.2
CPU_HOUR, GIB_HOUR = 0.03, 0.005
NODES_PER_HOUR = 3 * 0.40
BUDGET = {"search": 0.50, "features": 0.20}
CENT = 0.005 + 1e-9
"""A sum in the sheet may be rounded to the cent."""


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
            f"{replicas.value} replicas carry {replicas.value * PER_REPLICA[name]}",
            replicas.where,
        )


@check(
    points=2,
    hint="A request is what the scheduler keeps free for one replica. Compare yours with the "
    "measurement: is it less than was used, or much more?",
)
def test_requests_follow_the_measurement(manifests):
    """Requests are what was measured at full rate, and at most a quarter more."""
    for deployment, cpu, memory in (
        (search_of(manifests), ("800m", "1"), ("1600Mi", "2Gi")),
        (features_of(manifests), ("400m", "500m"), ("800Mi", "1Gi")),
    ):
        server = deployment.container("server")
        requested(server, "cpu").at_least(quantity(cpu[0])).at_most(quantity(cpu[1]))
        requested(server, "memory").at_least(quantity(memory[0])).at_most(quantity(memory[1]))


@check(
    points=1.5,
    hint="Multiply: requests, replicas, price. Which of the three can be smaller without anybody "
    "waiting longer?",
)
def test_within_budget(manifests):
    """What each team requests at the peak stays within what it has agreed to spend."""
    costs = cost_by_team(manifests)
    for team, limit in BUDGET.items():
        spent = costs.get(team, 0.0)
        expect(
            0 < spent <= limit + 1e-9,
            f"team {team} to spend something, and at most {limit:.2f} EUR an hour",
            f"{spent:.3f} EUR an hour",
            "requests x replicas x price",
        )


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
                expect(found == value, expected, f"{key}: {found}", where)
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
    for deployment in (search_of(manifests), features_of(manifests)):
        tag = str(deployment.container("server").field("image").value).rpartition(":")[2]
        found = deployment.pod_labels().get(VERSION)
        where = deployment.field("spec.template.metadata.labels").where
        expect(found == tag, f"Pods labelled {VERSION}: {tag}", f"{VERSION}: {found}", where)


@check(
    points=1.5,
    hint="Pods without a class have priority 0. Where must the warm pool stand so that every "
    "one of them may take its place?",
)
def test_warm_pool_gives_way(manifests):
    """The warm pool has a PriorityClass of its own with a negative value, which is no default."""
    priority = manifests.one("PriorityClass", "warm-pool")
    priority.field("value").at_most(-1)
    priority.field("globalDefault").satisfies(lambda value: not value, "false, or not written")
    warm_of(manifests).pod_field("priorityClassName").equals("warm-pool")
    for deployment in (search_of(manifests), features_of(manifests)):
        deployment.pod_field("priorityClassName").satisfies(
            lambda name: name != "warm-pool", "another class, or none"
        )


@check(
    points=1.5,
    hint="If a node is lost, how many cores have to be found elsewhere within seconds? That much "
    "must somebody be holding who is ready to leave.",
)
def test_warm_pool_is_worth_a_node(manifests):
    """The warm pool holds as many cores as a node has, in at least eight Pods."""
    pool = warm_of(manifests)
    replicas = pool.field("spec.replicas")
    cores = amounts(pool)[0]
    expect(
        cores >= 8 - 1e-9 and replicas.value >= 8,
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
    warm_of(manifests).pod_field("terminationGracePeriodSeconds").at_most(5)


@check(
    points=2,
    hint="Take one Deployment and do it by hand: what it requests, or what it may use? For one "
    "Pod, or for all?",
)
def test_sheet_by_team(manifests):
    """The sheet gives each team's cost an hour: requests times replicas times price."""
    sheet = manifests.form("cost-sheet.yaml")
    costs = cost_by_team(manifests)
    for team in sorted({"search", "features", "platform", *costs}):
        is_amount(sheet.field(f'teams["{team}"]'), costs.get(team, 0.0))


@check(
    points=1,
    hint="Three sums that belong together: what the teams pay, what the nodes cost, and what is "
    "left between the two. Who pays that?",
)
def test_sheet_totals(manifests):
    """The sheet's total, the price of the nodes, and what nobody requested agree."""
    sheet = manifests.form("cost-sheet.yaml")
    sheet.field("currency").equals("EUR")
    total = sum(cost_by_team(manifests).values())
    is_amount(sheet.field("total"), total)
    is_amount(sheet.field("nodes"), NODES_PER_HOUR)
    is_amount(sheet.field("unrequested"), NODES_PER_HOUR - total)


@check(
    points=1.5,
    hint="An hour has 3600 seconds. How many requests go through in one hour at the peak, and what "
    "does that hour cost?",
)
def test_sheet_by_outcome(manifests):
    """The sheet says what a million requests cost at the peak, for each service."""
    sheet = manifests.form("cost-sheet.yaml")
    for deployment in (search_of(manifests), features_of(manifests)):
        name = deployment.object_name
        millions = PEAK[name] * 3600 / 1_000_000
        is_amount(sheet.field(f'per_million_requests["{name}"]'), cost(deployment) / millions)


@check(
    points=1.5,
    hint="For each workload ask two questions: does somebody wait for the answer, and what is lost "
    "when the machine is taken away in the middle?",
)
def test_buying_decisions(manifests):
    """Each of the four workloads is bought in the way that suits how it fails."""
    sheet = manifests.form("cost-sheet.yaml")
    for workload, wanted in (
        ("search-ranking", "always-on"),
        ("nightly-embeddings", "interruptible"),
        ("pretraining", "reserved"),
        ("thumbnail-queue", "scale-to-zero"),
    ):
        sheet.field(f'capacity["{workload}"]').equals(wanted)


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
    "cores and 32Gi. Then look at the events of a Pod that waits.",
)
def test_everything_fits_on_three_nodes(recording):
    """On three nodes every Pod of the two services and of the warm pool becomes Ready."""
    apply = recording.during("apply")
    for workload in (SEARCH, FEATURES, WARM):
        all_ready(apply, workload)


@check(
    points=3,
    needs="kubelet",
    after="test_everything_fits_on_three_nodes",
    hint="Two nodes have 16 cores. What do your services request together, and who has to leave so "
    "that they get it?",
)
def test_peak_fits_with_a_node_lost(recording):
    """With worker-3 lost the whole peak runs on the other two nodes."""
    lost = recording.during("lost")
    for workload in (SEARCH, FEATURES):
        all_ready(lost, workload)
        lost.node_of_pods(of=workload).finally_(
            lambda nodes: LOST not in nodes.values(), "worker-1 and worker-2"
        )


@check(
    points=2,
    needs="control-plane",
    after="test_peak_fits_with_a_node_lost",
    hint="Look for events with reason Preempted. Which Pods did the scheduler send away, and which "
    "number told it that it may?",
)
def test_warm_pool_is_preempted(recording):
    """The scheduler makes the room by preempting the warm pool, and nobody else."""
    recording.during("lost").events(about="Pod/warm-pool-*", reason="Preempted").some()
    for other in ("Pod/search-ranking-*", "Pod/feature-api-*"):
        recording.events(about=other, reason="Preempted").none()


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


def requested(container, resource):
    """What is requested of a resource: where only a limit is written, the Pod requests that."""
    request = container.field(f"resources.requests.{resource}")
    limit = container.field(f"resources.limits.{resource}")
    return limit if request.value is None else request


def amounts(deployment):
    """Cores and GiB that all replicas of a Deployment request together."""
    replicas = deployment.field("spec.replicas").value
    containers = deployment.containers()
    cores = sum(number(requested(c, "cpu").value) for c in containers)
    memory = sum(number(requested(c, "memory").value) for c in containers)
    return cores * replicas, memory * replicas / 2**30


def number(value):
    """A quantity as a plain number, 0 where there is none."""
    try:
        return float(quantity(value if value is not None else 0).value)
    except ValueError:
        return 0.0


def cost(deployment):
    """EUR an hour for what a Deployment requests."""
    cores, gib = amounts(deployment)
    return cores * CPU_HOUR + gib * GIB_HOUR


def cost_by_team(manifests):
    """EUR an hour by team, as the Pods' labels name it, or else the Deployment's own."""
    costs = {}
    for deployment in manifests.all("Deployment"):
        own = deployment.field("metadata.labels").value or {}
        team = deployment.pod_labels().get(TEAM) or own.get(TEAM)
        if team:
            costs[team] = costs.get(team, 0.0) + cost(deployment)
    return costs


def labels_of(pod):
    """A Pod's labels."""
    return pod["metadata"].get("labels") or {}


def both_labels(deployment):
    """A Deployment's own labels and those of its Pods, each with its place."""
    own = deployment.field("metadata.labels")
    pods = deployment.field("spec.template.metadata.labels")
    return ((own.value or {}, own.where), (deployment.pod_labels(), pods.where))


def is_amount(field, wanted):
    """A sum of money in the sheet, as a number or a number in quotes, right to the cent."""
    try:
        written = float(field.value)
    except (TypeError, ValueError):
        written = math.nan
    expect(
        abs(written - wanted) <= CENT,
        f"{field.name} to be {wanted:.3f}, or that rounded to the cent",
        "nothing" if field.value is None else str(field.value),
        field.where,
    )


def all_ready(span, workload):
    """All replicas that a Deployment asks for are Ready at the end of a step."""
    found = span.object(*workload.split("/")).last
    wanted = found["spec"].get("replicas", 1) if found else 0
    expect(found, f"{workload} on the cluster", "not there" if not found else "there")
    span.ready_pods(of=workload).finally_(lambda pods: len(pods) == wanted, f"{wanted}")
