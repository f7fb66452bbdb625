"""Checks of lab 03 on the cluster: what the Pods got, who was refused, what the quota counts."""

from grader import check, expect, quantity

QUOTA = "ml-team-quota"
REPLICAS = {"api-critical": 2, "feature-worker": 3, "scratch": 1}
COUNTED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


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
    after=("test_accepted", "test_one_set_of_defaults"),
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
    for name, replicas in REPLICAS.items():
        ready = recording.during("apply").ready_pods(of=f"Deployment/{name}")
        ready.finally_(lambda pods, n=replicas: len(pods) == n, f"{replicas}")
    for name in REPLICAS:
        recording.pods(of=f"Deployment/{name}").never(
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
