"""Checks of lab 07, after the diagnosis: what was repaired, and what it brought about."""

from grader import check, expect, quantity
from grader.judge.failure import CheckFailed

LONGEST_START, LONGEST_STUCK = 300, 60


def repaired(manifests, case, *allowed):
    """Something was changed, and nothing but what may be."""
    manifests.changes(f"case-{case}").some().only(*allowed)


def healthy(recording, workload, replicas):
    """At the end all replicas are Ready, of the newest version, and nothing is unhealthy."""
    name = workload.partition("/")[2]
    repair = recording.during("repair")
    repair.object("Deployment", name).finally_(
        lambda found: found is not None and all_updated(found, replicas),
        f"rolled out with {replicas} Ready of the newest version",
    )
    chain = repair.cause(workload)
    if chain is not None:
        raise CheckFailed(f"{workload} to be healthy", chain.lines[0])


def all_updated(deployment, replicas):
    """Whether a Deployment's rollout is complete."""
    status = deployment.get("status") or {}
    counts = [status.get(key) or 0 for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return counts == [replicas] * 3


def container_of(manifests, draw, case):
    """The container at fault and the path of its fields in the Deployment."""
    name = manifests.drawn(f"{draw}.name")
    container = manifests.drawn(f"{draw}.container")
    found = manifests.one("Deployment", name, f"case-{case}").container(container)
    return found, f"Deployment/{name} spec.template.spec.containers[{container}]"


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The API server says which field it objects to. Some fields cannot change in an object "
    "that exists, and are never what is at fault here.",
)
def test_repairs_accepted(recording):
    """The API server accepts every repaired object over the broken one."""
    recording.during("repair").answers(verb="apply").all_accepted()


@check(
    points=1,
    hint="What does the node offer, and what keeps it closed? Change the one field that does not "
    "fit it, and leave the other two as they are.",
)
def test_pending_repair(manifests):
    """Pending GPU: one field is repaired; the GPU, the selector and the taint's key stay."""
    name, field = manifests.drawn("gpu.name"), manifests.drawn("gpu_fault.field")
    spec = f"Deployment/{name} spec.template.spec"
    container = f"{spec}.containers[server].resources"
    fields = {
        "tolerations": [f"{spec}.tolerations"],
        "nodeSelector": [f"{spec}.nodeSelector"],
        "nvidia.com/gpu": [
            f'{container}.limits["nvidia.com/gpu"]',
            f'{container}.requests["nvidia.com/gpu"]',
        ],
    }
    repaired(manifests, "pending-gpu", *fields[field])
    deployment = manifests.one("Deployment", name, "case-pending-gpu")
    server = deployment.container("server")
    server.field('resources.limits["nvidia.com/gpu"]').equals(quantity("1"))
    deployment.pod_field("nodeSelector").satisfies(
        lambda chosen: (chosen or {}) == {"accelerator": "nvidia-a100"}, "accelerator: nvidia-a100"
    )
    deployment.pod_field("tolerations").satisfies(
        lambda found: bool(found) and all(t.get("key") == "nvidia.com/gpu" for t in found),
        "tolerations of the key nvidia.com/gpu alone",
    )


@check(
    points=1,
    needs="kubelet",
    after=("test_repairs_accepted", "test_pending_diagnosis"),
    hint="Is the Pod still Pending? Then the scheduler has a new sentence for you: read it as you "
    "read the first one.",
)
def test_pending_healthy(manifests, recording):
    """Pending GPU: after the repair the Pod is Ready on gpu-worker."""
    workload = f"Deployment/{manifests.drawn('gpu.name')}"
    healthy(recording, workload, 1)
    recording.during("repair").node_of_pods(of=workload).finally_(
        lambda nodes: set(nodes.values()) == {"gpu-worker"}, "gpu-worker"
    )


@check(
    points=1,
    hint="How much does the container say that it takes, in the log of a run that was killed? Give "
    "it that and some air; a limit that never holds is none.",
)
def test_oomkilled_repair(manifests):
    """OOMKilled: the container keeps a limit, above its need and at most twice as high."""
    container, path = container_of(manifests, "oom", "oomkilled")
    resources = f"{path}.resources"
    repaired(manifests, "oomkilled", f"{resources}.limits.memory", f"{resources}.requests.memory")
    limit = container.field("resources.limits.memory")
    limit.at_least(quantity(manifests.drawn("oom.need")))
    limit.at_most(quantity(manifests.drawn("oom.most")))


@check(
    points=1,
    needs="kubelet",
    after=("test_repairs_accepted", "test_oomkilled_diagnosis"),
    hint="Look at the restarts again. Loading takes more than serving: does the limit leave room "
    "for the peak?",
)
def test_oomkilled_healthy(manifests, recording):
    """OOMKilled: after the repair both replicas are Ready and nothing is killed again."""
    healthy(recording, f"Deployment/{manifests.drawn('oom.name')}", 2)


@check(
    points=1,
    hint="A selector must choose all of the right Pods and none of the others. Who else carries "
    "the label that you have in mind?",
)
def test_endpoints_repair(manifests):
    """No endpoints: the Service selects the scorer's Pods, and not those of the backtest."""
    name = manifests.drawn("service.name")
    labels = f"Deployment/{name} spec.template.metadata.labels"
    repaired(manifests, "no-endpoints", f"Service/{name} spec.selector", labels)
    service = manifests.one("Service", name, "case-no-endpoints")
    service.selects(manifests.one("Deployment", name, "case-no-endpoints"))
    backtest = manifests.one("Deployment", f"{name}-backtest", "case-no-endpoints")
    selector = service.field("spec.selector").value or {}
    pairs = ", ".join(f"{key}={value}" for key, value in selector.items()) or "an empty selector"
    expect(
        not selector.items() <= backtest.pod_labels().items(),
        f"a selector that leaves out {name}-backtest",
        f"{pairs} selects it as well",
        service.field("spec.selector").where,
    )


@check(
    points=1,
    needs="kubelet",
    after=("test_repairs_accepted", "test_endpoints_diagnosis"),
    hint="Count the addresses in the EndpointSlice and compare them with the Pods, name by name.",
)
def test_endpoints_healthy(manifests, recording):
    """No endpoints: after the repair the endpoints are exactly the scorer's Ready Pods."""
    name, replicas = manifests.drawn("service.name"), manifests.drawn("service.replicas")
    healthy(recording, f"Deployment/{name}", replicas)
    repair = recording.during("repair")
    ready = {pod["metadata"]["name"] for pod in repair.ready_pods(of=f"Deployment/{name}").last}
    repair.endpoints(name).finally_(
        lambda found: {endpoint.pod for endpoint in found} == ready, f"the {replicas} Ready Pods"
    )


@check(
    points=1,
    hint="Going back is a way to sleep, not a repair: the release has to go out. Where does the "
    "new version say that it is ready? Its log's first line tells.",
)
def test_rollout_repair(manifests):
    """Failed rollout: the new version is asked where it answers, only once it is loaded."""
    container, path = container_of(manifests, "release", "failed-rollout")
    repaired(manifests, "failed-rollout", f"{path}.readinessProbe")
    port = {"server": 8000, "gateway": 8080}[manifests.drawn("release.container")]
    container.probe("readiness").gets(manifests.drawn("release.path"), port=port)


@check(
    points=1,
    needs="kubelet",
    after=("test_repairs_accepted", "test_rollout_diagnosis"),
    hint="Which version do the Ready Pods run? A rollout is over when all of them are new.",
)
def test_rollout_healthy(manifests, recording):
    """Failed rollout: after the repair every Pod is Ready and runs the new version."""
    name, replicas = manifests.drawn("release.name"), manifests.drawn("release.replicas")
    healthy(recording, f"Deployment/{name}", replicas)
    wanted = {
        "server": f"registry.example.com/{name}:{manifests.drawn('release.new.server')}",
        "gateway": "registry.example.com/inference-gateway:"
        + manifests.drawn("release.new.gateway"),
    }
    recording.during("repair").ready_pods(of=f"Deployment/{name}").finally_(
        lambda pods: all(
            {c["name"]: c["image"] for c in pod["spec"]["containers"]} == wanted for pod in pods
        ),
        "all of the new version",
    )


@check(
    points=1,
    hint="Loading and being stuck are two questions. Which probe is there for the first, so that "
    "the other may stay strict?",
)
def test_slow_start_repair(manifests):
    """Slow start: loading has its time, and a stuck server is still noticed within 60 s."""
    container, path = container_of(manifests, "slow", "slow-start")
    repaired(manifests, "slow-start", f"{path}.startupProbe", f"{path}.livenessProbe")
    port = {"server": 8000, "embedder": 9000}[manifests.drawn("slow.container")]
    liveness = container.probe("liveness").gets("/health", port=port)
    stuck = liveness.field("periodSeconds").value * liveness.field("failureThreshold").value
    where = liveness.field("periodSeconds").where
    expect(
        stuck <= LONGEST_STUCK,
        f"a stuck server to be restarted within {LONGEST_STUCK} s (period times threshold)",
        f"{stuck} s",
        where,
    )
    first = liveness
    if container.field("startupProbe").written:
        # Any other question would be answered too early, or never.
        first = container.probe("startup").gets("/health", port=port)
        blind = time_to_restart(liveness)
        expect(
            blind <= LONGEST_START,
            f"a first restart by the liveness probe after {LONGEST_START} s at most",
            f"{blind} s",
            where,
        )
    needed, given = manifests.drawn("slow.seconds"), time_to_restart(first)
    expect(
        needed < given <= LONGEST_START,
        f"more than the {needed} s of loading before the first restart, at most {LONGEST_START} s",
        f"{given} s",
        first.field("periodSeconds").where,
    )


def time_to_restart(probe):
    """Seconds from a container's start until a probe that never succeeds ends it."""
    delay = probe.field("initialDelaySeconds").value or 0
    failures = probe.field("failureThreshold").value - 1
    return delay + failures * probe.field("periodSeconds").value


@check(
    points=1,
    needs="kubelet",
    after=("test_repairs_accepted", "test_slow_start_diagnosis"),
    hint="Is it still restarted? Then some probe still asks too early. If it is not Ready, look at "
    "what it waits for.",
)
def test_slow_start_healthy(manifests, recording):
    """Slow start: after the repair the Pod becomes Ready and no container is restarted."""
    workload = f"Deployment/{manifests.drawn('slow.name')}"
    healthy(recording, workload, 1)
    recording.during("repair").ready_pods(of=workload).finally_(
        lambda pods: all(restarts(pod) == 0 for pod in pods), "without a restart"
    )


def restarts(pod):
    """Restarts of all containers of a Pod."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(entry.get("restartCount", 0) for entry in statuses)
