"""Checks of lab 01: six workloads, and the object that fits each."""

from grader import check, expect, quantity
from grader.judge.language import cron
from grader.judge.language.reach import address, pod
from grader.model.selectors import selects_by_map

NAMESPACE = "ml-map"
IMAGES = (
    ("sentiment-api", "server", "registry.example.com/sentiment-api:v1.4.0"),
    ("nightly-score", "score", "registry.example.com/table-scorer:v1.4.0"),
    ("embedding-backfill", "embed", "registry.example.com/embedding-backfill:v1.4.0"),
    ("weekly-retrain", "train", "registry.example.com/sentiment-trainer:v1.4.0"),
    ("partner-api", "server", "registry.example.com/partner-api:v1.4.0"),
)
WORKLOADS = ("Deployment", "Job", "CronJob", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
FINITE = (
    ("CronJob", "nightly-score"),
    ("Job", "embedding-backfill"),
    ("CronJob", "weekly-retrain"),
)
ONLINE = ("sentiment-api", "partner-api")
STORIES = (*ONLINE, *(name for _, name in FINITE), "model-cache")
FINITE_KINDS = (
    "test_nightly_score_is_scheduled",
    "test_backfill_is_finite",
    "test_weekly_retrain_is_scheduled",
)
KEPT_RUNS = 4 * 7 * 24 * 3600
"""Seconds for which the fourth weekly run back has to stay."""
LONGEST_NIGHT = 26 * 3600
"""Seconds that a nightly run has taken once, and may take again."""
A_DAY = 24 * 3600
"""Seconds below which a deadline of the weekly run is taken for one that may kill it at work."""
# The names under which the time zone database knows universal time.
UTC = ("Etc/UTC", "UTC", "Etc/UCT", "UCT", "Etc/Zulu", "Zulu", "Etc/Universal", "Universal")
UTC += ("Etc/GMT", "GMT", "Etc/Greenwich", "Greenwich")
UTC += ("Etc/GMT0", "GMT0", "Etc/GMT+0", "GMT+0", "Etc/GMT-0", "GMT-0")


def all_workloads(manifests):
    """Every object that has Pods."""
    return [found for kind in WORKLOADS for found in manifests.all(kind)]


def all_called(manifests, name):
    """Every workload of this name, of whatever kind."""
    return [found for found in all_workloads(manifests) if found.object_name == name]


def is_only(manifests, kind, name):
    """The story is told by one workload, of this kind."""
    others = [found for found in all_called(manifests, name) if found.kind != kind]
    if others:
        expected = f"{name} as the object that fits its story, and no other"
        expect(False, expected, f"a {others[0].kind}", others[0].where)
    manifests.one(kind, name)


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="Two of the six stories need two objects each. Where would kubectl put one of the eight "
    "that names no namespace?",
)
def test_objects_name_their_namespace(manifests):
    """There are objects for all six stories, and each names the namespace ml-map itself."""
    names = {found.object_name for found in manifests.all() if found.kind != "Namespace"}
    missing = [name for name in STORIES if name not in names]
    observed = f"none called {', '.join(missing)}" if missing else "one or more for each"
    expect(not missing, "an object for each of the six stories", observed)
    for found in all_workloads(manifests):
        expected = "no workload beside those of the stories"
        expect(found.object_name in STORIES, expected, str(found.manifest), found.where)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="Which program is behind each story, and in which version? Compare name and tag letter by "
    "letter with the README.",
)
def test_images(manifests):
    """The container of each story runs its image, exactly v1.4.0."""
    for name, container, image in IMAGES:
        found = all_called(manifests, name)
        expect(found, f"a workload called {name}", "none of that name" if not found else name)
        for workload in found:
            workload.container(container).image_is(image)


@check(
    points=1.5,
    hint="Does a request care which replica answers it, and does the work ever end? Which object "
    "keeps a number of such Pods running and can also replace them by a new version?",
)
def test_sentiment_api_is_online(manifests):
    """The sentiment API is kept running by an object for interchangeable replicas."""
    is_only(manifests, "Deployment", "sentiment-api")


@check(
    points=1,
    after="test_sentiment_api_is_online",
    hint="Callers inside the cluster, on whichever node, want a name and an address that outlive "
    "every Pod; nobody outside may reach it, by any Service. Which labels does it look for, whose "
    "Pods carry them, and which port does the server use?",
)
def test_sentiment_api_has_an_inside_address(manifests):
    """The sentiment API has a cluster address whose port 80 leads to port 8000 of its Pods."""
    service = manifests.one("Service", "sentiment-api")
    service.field("spec.type").equals("ClusterIP")
    service.field("spec.clusterIP").satisfies(lambda ip: ip != "None", "an address, not None")
    service.field("spec.internalTrafficPolicy").equals("Cluster")
    leads_to(manifests, service)
    network = manifests.network()
    server = network.workload("Deployment/sentiment-api", NAMESPACE)
    network.reaches(pod("a caller", "default"), server, 8000)
    labels = manifests.one("Deployment", "sentiment-api").pod_labels()
    for other in manifests.all("Service"):
        if selects_by_map(other.field("spec.selector").value, labels):
            other.field("spec.type").equals("ClusterIP")
            other.field("spec.externalIPs").satisfies(
                lambda ips: not ips, "none: nobody outside may reach it"
            )


@check(
    points=1.5,
    hint="The table has an end, and tomorrow it is there again. Which object makes finite work "
    "anew each time the clock says so?",
)
def test_nightly_score_is_scheduled(manifests):
    """The nightly score is finite work, begun anew by the clock."""
    is_only(manifests, "CronJob", "nightly-score")


@check(
    points=1,
    after="test_nightly_score_is_scheduled",
    hint="The first field of a schedule is the minute, the second the hour. And half past one on "
    "whose clock?",
)
def test_nightly_schedule(manifests):
    """The nightly score begins each night at 01:30 UTC."""
    on_time(manifests.one("CronJob", "nightly-score"), "30 1 * * *", "every night at 01:30")


@check(
    points=1.5,
    hint="A migration that is run once needs no clock and no upkeep. Which object counts how much "
    "of its work is done?",
)
def test_backfill_is_finite(manifests):
    """The embedding backfill is finite work that is done once."""
    is_only(manifests, "Job", "embedding-backfill")


@check(
    points=1.5,
    after="test_backfill_is_finite",
    hint="Twelve Pods that all start alike must each find out which shard is theirs. In which "
    "completion mode does Kubernetes tell a Pod its number?",
)
def test_backfill_has_twelve_shards(manifests):
    """The backfill has twelve numbered completions, four at a time."""
    job = manifests.one("Job", "embedding-backfill")
    job.field("spec.completionMode").equals("Indexed")
    job.field("spec.completions").equals(12)
    job.field("spec.parallelism").equals(4)


@check(
    points=1.5,
    hint="It is the sibling of the nightly score: finite, and begun by the clock.",
)
def test_weekly_retrain_is_scheduled(manifests):
    """The weekly retraining is finite work, begun anew by the clock."""
    is_only(manifests, "CronJob", "weekly-retrain")


@check(
    points=1,
    after="test_weekly_retrain_is_scheduled",
    hint="The last field of a schedule is the day of the week. With which number does the week "
    "begin there?",
)
def test_weekly_schedule(manifests):
    """The weekly retraining begins each Sunday at 00:00 UTC."""
    on_time(manifests.one("CronJob", "weekly-retrain"), "0 0 * * 0", "each Sunday at 00:00")


@check(
    points=1,
    after=("test_nightly_score_is_scheduled", "test_weekly_retrain_is_scheduled"),
    hint="What happens when the clock strikes and the last run is still at work? Of the three "
    "answers that exist, one starts a second run and one kills the first. How many Pods does one "
    "run have at work, and does anything end it early?",
)
def test_runs_never_overlap(manifests):
    """While a run of either schedule is at work, no second one is started and none is killed."""
    for name in ("nightly-score", "weekly-retrain"):
        found = manifests.one("CronJob", name)
        found.field("spec.concurrencyPolicy").equals("Forbid")
        for count in ("parallelism", "completions"):
            pods = found.field(f"spec.jobTemplate.spec.{count}")
            pods.satisfies(lambda number: number in (None, 1), "1, so that a run is one Pod")
    # A deadline of the Job or of its Pod kills a run as surely as the next one would.
    for name, longest, words in (
        (
            "nightly-score",
            LONGEST_NIGHT + 1,
            f"above the {LONGEST_NIGHT} seconds of the longest run",
        ),
        ("weekly-retrain", A_DAY, f"at least {A_DAY}, a day"),
    ):
        found = manifests.one("CronJob", name)
        job = found.field("spec.jobTemplate.spec.activeDeadlineSeconds")
        for deadline in (job, found.pod_field("activeDeadlineSeconds")):
            deadline.satisfies(
                lambda seconds, longest=longest: seconds is None or seconds >= longest,
                f"none, or {words}",
            )


@check(
    points=1,
    after="test_weekly_retrain_is_scheduled",
    hint="Each run leaves a finished object behind, so somebody must say how many are kept. There "
    "is one number for those that went well and one for the others. What else would remove them?",
)
def test_weekly_history(manifests):
    """The last four successful and the last two failed retrainings are kept."""
    found = manifests.one("CronJob", "weekly-retrain")
    found.field("spec.successfulJobsHistoryLimit").equals(4)
    found.field("spec.failedJobsHistoryLimit").equals(2)
    found.field("spec.jobTemplate.spec.ttlSecondsAfterFinished").satisfies(
        lambda seconds: seconds is None or seconds >= KEPT_RUNS,
        f"none, or at least {KEPT_RUNS}, four weeks, so that four runs are still there",
    )


@check(
    points=1,
    after=FINITE_KINDS,
    hint="A container that has done its work ends with code 0. Under which restart policies is "
    "that the end, and under which is it started again?",
)
def test_finite_work_may_end(manifests):
    """No container of the finite workloads is started again after it has ended well."""
    for kind, name in FINITE:
        policy = manifests.one(kind, name).pod_field("restartPolicy")
        policy.is_one_of(["Never", "OnFailure"])


@check(
    points=1.5,
    hint="Pods should not have to know which disk the model is on, so what do they name instead? "
    "And how many may read it, how many write?",
)
def test_model_cache_is_a_claim(manifests):
    """The model cache is a claim on 20Gi of storage that many may read and nobody writes."""
    claim = manifests.one("PersistentVolumeClaim", "model-cache")
    claim.field("spec.accessModes").equals(["ReadOnlyMany"])
    claim.field("spec.resources.requests.storage").equals(quantity("20Gi"))


@check(
    points=1,
    hint="Look at what the Pods have to remember between two requests, and not at who calls them.",
)
def test_partner_api_is_online(manifests):
    """The partner API is kept running by an object for interchangeable replicas."""
    is_only(manifests, "Deployment", "partner-api")


@check(
    points=1,
    after=("test_sentiment_api_is_online", "test_partner_api_is_online"),
    hint="How many of them can be lost before nobody answers? And which labels does each of the "
    "Deployments look for when it counts its Pods?",
)
def test_two_replicas(manifests):
    """Each of the two APIs has two replicas, and counts them by the labels that they carry."""
    for name in ONLINE:
        deployment = manifests.one("Deployment", name)
        deployment.field("spec.replicas").equals(2)
        deployment.selects(deployment)


@check(
    points=1.5,
    after="test_partner_api_is_online",
    hint="Follow a packet from the load balancer: it may enter at a node without any of your Pods. "
    "Whose address does the Pod see then, and which policy keeps that from happening?",
)
def test_partner_api_has_an_outside_address(manifests):
    """The partner API is reached through a load balancer that keeps the caller's address."""
    service = manifests.one("Service", "partner-api")
    service.field("spec.type").equals("LoadBalancer")
    leads_to(manifests, service)
    labels = manifests.one("Deployment", "partner-api").pod_labels()
    for other in manifests.all("Service"):
        selects = selects_by_map(other.field("spec.selector").value, labels)
        if selects and other.field("spec.type").value in ("LoadBalancer", "NodePort"):
            other.field("spec.externalTrafficPolicy").equals("Local")
            for narrowed in ("loadBalancerSourceRanges", "externalIPs"):
                other.field(f"spec.{narrowed}").satisfies(lambda found: not found, "none")
    network = manifests.network()
    partners = network.workload("Deployment/partner-api", NAMESPACE)
    network.reaches(address("203.0.113.9"), partners, 8000)


def on_time(cronjob, schedule, words):
    """The CronJob fires at these times of universal time, and is not suspended."""
    cronjob.field("spec.schedule").satisfies(cron.means(schedule), words)
    zone = cronjob.field("spec.timeZone")
    zone.satisfies(lambda name: name in UTC, "Etc/UTC, so that it does not depend on a machine")
    cronjob.field("spec.suspend").satisfies(lambda paused: not paused, "false")


def leads_to(manifests, service):
    """The Service leads to port 8000 of the Deployment of its name, and to no other's Pods."""
    deployment = manifests.one("Deployment", service.object_name)
    service.selects(deployment)
    service.port(80).reaches(deployment.container("server"), 8000)
    for other in all_workloads(manifests):
        if other.object_name != service.object_name:
            service.passes_over(other)
