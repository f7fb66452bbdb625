"""Checks of lab 03: requests, limits, and who goes first."""

from grader import check, expect, quantity

NAMESPACE = "ml-team-a"
QUOTA = "ml-team-quota"
WORKLOADS = (
    ("api-critical", 2, "server", "registry.example.com/ranking-api:v3.2.0"),
    ("feature-worker", 3, "worker", "registry.example.com/feature-worker:v2.0.1"),
    ("scratch", 1, "notebook", "registry.example.com/scratch:v0.3.0"),
)
OURS = tuple(f"Deployment/{name}" for name, *_ in WORKLOADS)
COUNTED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
ZERO = quantity("0")


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
    points=1.5,
    hint="Guaranteed is about two resources and two numbers for each. Which of the four is missing "
    "or differs?",
)
def test_critical_server(manifests):
    """The critical server requests 2 CPU and 4Gi, and is limited to exactly that."""
    server = manifests.one("Deployment", "api-critical").container("server")
    for resource, amount in (("cpu", quantity("2")), ("memory", quantity("4Gi"))):
        requested(server, resource).equals(amount)
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
        requested(fetch, resource).equals(quantity(limit.value))


@check(
    points=1.5,
    hint="The scheduler sets aside what is requested, for every hour of the day. Which measurement "
    "is that of an ordinary moment?",
)
def test_worker_requests(manifests):
    """The worker requests what it needs between two batches, and not what it needs at its peak."""
    worker = manifests.one("Deployment", "feature-worker").container("worker")
    requested(worker, "cpu").at_least(quantity("400m")).at_most(quantity("1"))
    requested(worker, "memory").at_least(quantity("900Mi")).at_most(quantity("2Gi"))


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
    points=2,
    needs="control-plane",
    after="test_accepted",
    hint="`kubectl get pod -o yaml` shows what each container got, init containers too. Look for "
    "the one whose requests and limits are not the same, or are the LimitRange's.",
)
def test_critical_is_guaranteed(recording):
    """Both Pods of the critical API are of class Guaranteed."""
    of_class(recording, "api-critical", 2, "Guaranteed")


@check(
    points=1,
    needs="control-plane",
    after="test_accepted",
    hint="Burstable lies between the two other classes: something is requested, and not everything "
    "is equal to its limit.",
)
def test_worker_is_burstable(recording):
    """The three Pods of the feature worker are of class Burstable."""
    of_class(recording, "feature-worker", 3, "Burstable")


@check(
    points=2,
    needs="control-plane",
    after="test_accepted",
    hint="If there is no Pod at all, ask the ReplicaSet's events who refused it. If there is one, "
    "look at the resources that it has and that you did not write.",
)
def test_scratch_gets_the_defaults(recording):
    """The scratch Pod got the defaults of the LimitRange, and is therefore Burstable."""
    of_class(recording, "scratch", 1, "Burstable")
    pod = recording.during("apply").pods(of="Deployment/scratch").last[0]
    inside = {container["name"]: container for container in pod["spec"]["containers"]}
    expect("notebook" in inside, "a container notebook", ", ".join(inside), "Deployment/scratch")
    resources = inside["notebook"].get("resources") or {}
    for side, resource, amount in (
        ("requests", "cpu", "250m"),
        ("requests", "memory", "512Mi"),
        ("limits", "cpu", "500m"),
        ("limits", "memory", "1Gi"),
    ):
        found = (resources.get(side) or {}).get(resource)
        observed = f"{side}.{resource} {found}"
        same = found is not None and quantity(amount) == found
        expect(same, f"{side}.{resource} {amount}", observed, f"Pod/{pod['metadata']['name']}")


@check(
    points=2,
    needs="kubelet",
    after="test_accepted",
    hint="A container that ended with code 137 and the reason OOMKilled wanted more memory than "
    "its limit: while it loads, or with its first batch?",
)
def test_everybody_runs(recording):
    """All six Pods become Ready, and none of them is killed for its memory."""
    for name, replicas, *_ in WORKLOADS:
        ready = recording.during("apply").ready_pods(of=f"Deployment/{name}")
        ready.finally_(lambda pods, n=replicas: len(pods) == n, f"{replicas}")
    for workload in OURS:
        recording.pods(of=workload).never(
            lambda pods: any(killed(pod) for pod in pods), "killed for their memory"
        )


@check(
    points=2.5,
    needs="control-plane",
    after="test_accepted",
    hint="The Deployment was accepted, and there is no Pod. Which controller makes the Pods, and "
    "what was it told by the API server?",
)
def test_too_big_is_refused(recording):
    """The Pod of too-big is refused by the team's quota for its memory, and the events say so."""
    span = recording.during("too-big")
    span.answers(verb="create").all_accepted()
    span.pods(of="Deployment/too-big").never(bool, "a Pod")
    events = span.events(about="ReplicaSet/too-big-*", reason="FailedCreate")
    events.some(text=f"exceeded quota: {QUOTA}").some(text="memory=158Gi")


@check(
    points=2,
    needs="control-plane",
    after="test_accepted",
    hint="Add up what the six Pods request, and what they are limited to. An init container counts "
    "only where it is larger than the containers that follow it.",
)
def test_quota_adds_up(recording):
    """What the quota counts as used is the sum of what the admitted Pods ask for."""
    span = recording.during("too-big")
    quota = span.object("ResourceQuota", QUOTA)
    quota.finally_(lambda found: found is not None, "there")
    status = quota.last.get("status") or {}
    used, hard = status.get("used") or {}, status.get("hard") or {}
    pods = [pod for pod in span.pods().last if phase(pod) not in ("Succeeded", "Failed")]
    for key in COUNTED:
        name = key if key in hard else key.removeprefix("requests.")
        wanted = quantity(str(sum(asked(pod["spec"], key) for pod in pods)))
        seen = used.get(name)
        expect(
            seen is not None and wanted == seen,
            f"{key} used: the sum over {len(pods)} Pods, {shown(wanted, key)}",
            f"used {seen} of {hard.get(name)}",
            f"ResourceQuota/{QUOTA} {name}",
        )


def bounds(quota, most, *names):
    """The quota's line of this name says `most`; `cpu` is the short name of `requests.cpu`.

    Where both names are written both count, and the smaller number rules.
    """
    lines = [quota.field(f'spec.hard["{name}"]') for name in names]
    for line in [line for line in lines if line.written] or lines[:1]:
        line.equals(most)


def requested(container, resource):
    """What is requested of a resource: where only a limit is written, the Pod requests that."""
    request = container.field(f"resources.requests.{resource}")
    limit = container.field(f"resources.limits.{resource}")
    return limit if request.value is None else request


def is_positive(amount):
    """Whether this is a quantity above 0."""
    try:
        return quantity(amount) > ZERO
    except (TypeError, ValueError):
        return False


def of_class(recording, name, count, wanted):
    """So many Pods of the Deployment are there after `apply`, each of the wanted QoS class."""
    pods = recording.during("apply").pods(of=f"Deployment/{name}")
    pods.finally_(lambda found: len(found) == count, f"{count}")
    for pod in pods.last:
        found = (pod.get("status") or {}).get("qosClass")
        expect(
            found == wanted, f"class {wanted}", f"class {found}", f"Pod/{pod['metadata']['name']}"
        )


def phase(pod):
    """The phase that the kubelet reports."""
    return (pod.get("status") or {}).get("phase")


def killed(pod):
    """Whether a container of the Pod is, or was just before, ended for its memory."""
    status = pod.get("status") or {}
    told = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    ends = [
        (entry.get(when) or {}).get("terminated") or {}
        for entry in told
        for when in ("state", "lastState")
    ]
    return any(end.get("reason") == "OOMKilled" for end in ends)


def asked(spec, key):
    """What a Pod asks for of `limits.cpu` and the like, as quota and scheduler count it.

    Its containers together, or the largest of its init containers if that is more. A sidecar (an
    init container that restarts always) counts with both.
    """
    side, _, resource = key.partition(".")
    whole = amount((spec.get("resources") or {}).get(side), resource)
    if whole is not None:
        return whole
    sidecars, largest = 0, 0
    for container in spec.get("initContainers") or []:
        own = amount((container.get("resources") or {}).get(side), resource) or 0
        if container.get("restartPolicy") == "Always":
            sidecars += own
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + own)
    main = [amount((c.get("resources") or {}).get(side), resource) for c in spec["containers"]]
    return max(largest, sidecars + sum(own or 0 for own in main))


def amount(resources, resource):
    """An amount as a plain number: CPUs or bytes; None where none is written."""
    written = (resources or {}).get(resource)
    return None if written is None else quantity(written).value


def shown(wanted, key):
    """An amount as a person would write it."""
    if key.endswith(".cpu"):
        return f"{wanted.value.normalize():f} CPU"
    return f"{(wanted.value / 2**20).normalize():f}Mi"
