"""Checks of lab 03: requests, limits, and who goes first."""

from grader import check, expect, quantity

NAMESPACE = "ml-team-a"
QUOTA = "ml-team-quota"
WORKLOADS = (
    ("api-critical", 2, "server", "registry.example.com/ranking-api:v3.2.0"),
    ("feature-worker", 3, "worker", "registry.example.com/feature-worker:v2.0.1"),
    ("scratch", 1, "notebook", "registry.example.com/scratch:v0.3.0"),
)
ZERO = quantity("0")
SHARE = {
    "requests.cpu": "40",
    "cpu": "40",
    "requests.memory": "160Gi",
    "memory": "160Gi",
    "limits.cpu": "80",
    "limits.memory": "320Gi",
    "pods": "80",
    "count/pods": "80",
}
HOLDS_FOR_ALL = {"NotTerminating", "NotBestEffort"}
"""Scopes that every Pod of this lab is in: none has a deadline, each has requests in the end."""
DEFAULTS = {
    "defaultRequest.cpu": "250m",
    "defaultRequest.memory": "512Mi",
    "default.cpu": "500m",
    "default.memory": "1Gi",
}


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A quota bounds the namespace that it is in, and no other. Which one is that if it names "
    "none?",
)
def test_objects_name_their_namespace(manifests):
    """The quota, the defaults and the Deployments name the namespace ml-team-a themselves."""
    manifests.one("ResourceQuota", QUOTA)
    manifests.one("LimitRange", "ml-defaults")
    for name, *_ in WORKLOADS:
        manifests.one("Deployment", name)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="Which program, in which version, how often, and in which order? Compare names and tags "
    "letter by letter with the README, and the probes with those of the starter.",
)
def test_workloads(manifests):
    """The three Deployments run their images in the numbers asked for, with their probes."""
    for name, replicas, container, image in WORKLOADS:
        deployment = manifests.one("Deployment", name)
        deployment.field("spec.replicas").equals(replicas)
        deployment.selects(deployment)
        deployment.container(container).image_is(image)
    for name, container in (("api-critical", "server"), ("feature-worker", "worker")):
        server = manifests.one("Deployment", name).container(container)
        server.probe("readiness").gets("/ready", port=8080)
    critical = manifests.one("Deployment", "api-critical")
    names = ", ".join(container.container_name for container in critical.init_containers())
    first = "fetch-model" in names.split(", ")
    expect(first, "an init container fetch-model", names or "none", critical.where)
    fetcher = critical.container("fetch-model")
    fetcher.image_is("registry.example.com/model-fetcher:v1.0.0")
    # As a sidecar it would copy the model while the server already looks for it.
    fetcher.field("restartPolicy").satisfies(
        lambda policy: policy != "Always", "none, so that it ends before the server starts"
    )


@check(
    points=2,
    hint="A quota has a line for what is requested and a line for what is limited, of CPU and of "
    "memory each, and it can count Pods as well.",
)
def test_quota(manifests):
    """The quota bounds requests, limits and Pods of the whole namespace at the team's share."""
    quota = manifests.one("ResourceQuota", QUOTA)
    bounds(quota, quantity("40"), "requests.cpu", "cpu")
    bounds(quota, quantity("160Gi"), "requests.memory", "memory")
    bounds(quota, quantity("80"), "limits.cpu")
    bounds(quota, quantity("320Gi"), "limits.memory")
    bounds(quota, quantity("80"), "pods")
    for narrowed in ("spec.scopes", "spec.scopeSelector"):
        quota.field(narrowed).satisfies(
            lambda scope: not scope, "no scope, so that every Pod counts"
        )
    for other in manifests.all("ResourceQuota"):
        takes_nothing_away(other)


@check(
    points=2,
    hint="A LimitRange has one word for the limit that is filled in and another for the request. "
    "Which is which, and what is the request if only the limit is given?",
)
def test_defaults(manifests):
    """A container that says nothing gets requests of 250m and 512Mi, limits of 500m and 1Gi."""
    limits = manifests.one("LimitRange", "ml-defaults").field("spec.limits")
    places = [n for n, entry in enumerate(limits.value or []) if entry.get("type") == "Container"]
    expect(len(places) == 1, "one entry of type Container", f"{len(places)} of them", limits.where)
    entry = manifests.one("LimitRange", "ml-defaults").field(f"spec.limits[{places[0]}]")
    entry.field("defaultRequest.cpu").equals(quantity("250m"))
    entry.field("defaultRequest.memory").equals(quantity("512Mi"))
    entry.field("default.cpu").equals(quantity("500m"))
    entry.field("default.memory").equals(quantity("1Gi"))


@check(
    points=0.5,
    hint="Each LimitRange of the namespace fills in what is still missing, in no order that you "
    "can rely on. And what becomes of a `max`, or a `min`, where no default is written?",
)
def test_one_set_of_defaults(manifests):
    """No second LimitRange fills in other defaults for containers."""
    # Where two fill in the same field, nobody says which of them does.
    for path, field in defaults_of_others(manifests):
        field.equals(quantity(DEFAULTS[path]))


@check(
    points=1.5,
    hint="Guaranteed is about two resources and two numbers for each. Which of the four is missing "
    "or differs?",
)
def test_critical_server(manifests):
    """The critical server requests 2 CPU and 4Gi, and is limited to exactly that."""
    server = manifests.one("Deployment", "api-critical").container("server")
    for resource, amount in (("cpu", quantity("2")), ("memory", quantity("4Gi"))):
        server.requested(resource).equals(amount)
        server.field(f"resources.limits.{resource}").equals(amount)


@check(
    points=1.5,
    hint="The class of a Pod is that of all its containers together, also of those that run only "
    "at its start. What would the LimitRange write into one that says nothing?",
)
def test_critical_init_container(manifests):
    """The init container too has limits of CPU and memory, equal to its requests and no higher."""
    fetch = manifests.one("Deployment", "api-critical").container("fetch-model")
    for resource, most in (("cpu", quantity("2")), ("memory", quantity("4Gi"))):
        limit = fetch.field(f"resources.limits.{resource}")
        limit.satisfies(is_positive, "an amount above 0").at_most(most)
        fetch.requested(resource).equals(quantity(limit.value))


@check(
    points=1.5,
    hint="The scheduler sets aside what is requested, for every hour of the day. Which measurement "
    "is that of an ordinary moment?",
)
def test_worker_requests(manifests):
    """The worker requests what it needs between two batches, and not what it needs at its peak."""
    worker = manifests.one("Deployment", "feature-worker").container("worker")
    worker.requested("cpu").at_least(quantity("400m")).at_most(quantity("1"))
    worker.requested("memory").at_least(quantity("900Mi")).at_most(quantity("2Gi"))
    # What a step before it needs is set aside for as long as the Pod lives.
    for step in manifests.one("Deployment", "feature-worker").init_containers():
        for resource, most in (("cpu", quantity("1")), ("memory", quantity("2Gi"))):
            asked = step.requested(resource)
            asked.satisfies(
                lambda amount, most=most: amount is None or quantity(amount) <= most,
                f"at most {most}",
            )


@check(
    points=1.5,
    hint="CPU above its limit is slowed down, memory above its limit is killed. Which of the three "
    "peaks is the highest, and how much is a safe distance from it?",
)
def test_worker_limits(manifests):
    """The worker's limits lie above its highest peak, with room to spare and without waste."""
    worker = manifests.one("Deployment", "feature-worker").container("worker")
    cpu, memory = worker.field("resources.limits.cpu"), worker.field("resources.limits.memory")
    cpu.at_least(quantity("1600m")).at_most(quantity("4"))
    memory.at_least(quantity("3454Mi")).at_most(quantity("5Gi"))


@check(
    points=1,
    hint="Here the task is to write nothing, and to see who fills it in.",
)
def test_scratch_says_nothing(manifests):
    """The scratch Deployment has no resources of its own."""
    scratch = manifests.one("Deployment", "scratch")
    notebook = scratch.container("notebook")
    for side in ("requests", "limits"):
        for field in (notebook.field(f"resources.{side}"), scratch.pod_field(f"resources.{side}")):
            field.satisfies(lambda found: not found, "nothing")


def bounds(quota, most, *names):
    """The quota's line of this name says `most`; `cpu` is the short name of `requests.cpu`.

    Where both names are written both count, and the smaller number rules.
    """
    lines = [quota.field(f'spec.hard["{name}"]') for name in names]
    for line in [line for line in lines if line.written] or lines[:1]:
        line.equals(most)


def takes_nothing_away(quota):
    """No line of this quota is below the team's share, unless it holds for other Pods only."""
    scopes = {str(scope) for scope in quota.field("spec.scopes").value or []}
    selector = quota.field("spec.scopeSelector").value or {}
    for rule in selector.get("matchExpressions") or []:
        # All classes but one are those of the lab's other Pods, too.
        if rule.get("operator") not in ("NotIn", "DoesNotExist"):
            scopes.add(str(rule.get("scopeName")))
    if scopes <= HOLDS_FOR_ALL:
        for name, share in SHARE.items():
            line = quota.field(f'spec.hard["{name}"]')
            if line.written:
                line.at_least(quantity(share))


def defaults_of_others(manifests):
    """What LimitRanges beside ml-defaults fill in for containers, each field with its path."""
    for other in manifests.all("LimitRange"):
        for place, entry in enumerate(other.field("spec.limits").value or []):
            if other.object_name == "ml-defaults" or entry.get("type") != "Container":
                continue
            for path in DEFAULTS:
                field = other.field(f"spec.limits[{place}].{path}")
                if field.value is not None:
                    yield path, field


def is_positive(amount):
    """Whether this is a quantity above 0."""
    try:
        return quantity(amount) > ZERO
    except (TypeError, ValueError):
        return False
