"""Checks of lab 07: five failures, each explained before it is repaired.

What is at fault follows from the learner's seed. The grader plays the broken case itself, so the
truth that a diagnosis is held against is what the cluster recorded there.
"""

import re

from grader import check, expect, quantity
from grader.errors import CourseError
from grader.judge.failure import CheckFailed

SCHEDULER = ("scheduler", "default-scheduler", "kube-scheduler")
KUBELET = ("kubelet",)
ENDPOINTS = ("endpointslice-controller", "endpoint-slice-controller", "endpoints-controller")
ROLLOUT = ("kubelet", "deployment-controller")

LONGEST_START, LONGEST_STUCK = 300, 60


def bare(text):
    """A word as people write it: without case, with dashes for spaces."""
    return re.sub(r"[\s_]+", "-", str(text or "").strip().lower())


def names(text):
    """Whether an object was meant: kind with or without group, in any case."""
    kind, _, name = str(text or "").strip().lower().partition("/")
    return kind.partition(".")[0].rstrip("s"), name


def diagnosed(manifests, recording, case, workload, *, by, field, container=("",)):
    """The form names who decided, the cause, and what is at fault, as the cluster recorded it."""
    namespace = f"case-{case}"
    chain = recording.during("broken").cause(workload, namespace)
    if chain is None:
        raise CourseError(f"{namespace} was healthy when it should have been broken")
    form = manifests.form(f"diagnosis/{case}.yaml")
    form.field("decided_by").satisfies(
        lambda said: bare(said) in by, "the component that decided, and not one that only waited"
    )
    form.field("cause").satisfies(
        lambda said: bare(said) == chain.cause.word, "the word for what the cluster recorded first"
    )
    form.field("object").satisfies(
        lambda said: names(said) == names(workload),
        "the object that has to be edited, as Kind/name",
    )
    form.field("container").satisfies(
        lambda said: str(said or "").strip() in container, "the container at fault, if it is one"
    )
    form.field("field").satisfies(
        lambda said: re.search(field, str(said or ""), re.IGNORECASE), "the field at fault"
    )


def quotes(manifests, recording, case, naming):
    """The form's evidence is in the recording of the broken case and names the reason."""
    evidence = manifests.form(f"diagnosis/{case}.yaml").field("evidence")
    words = recording.during("broken").words(f"case-{case}")
    words.quoted(evidence.value, naming, evidence.where)


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
    points=0.5,
    hint="Read the line that is named. A repair that the API server refuses repairs nothing.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


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


# case-pending-gpu


@check(
    points=1.5,
    needs="control-plane",
    explain=False,
    hint="Pending means that no node was chosen. Who chooses, and what did it say about each "
    "node? Read its event node by node, next to `kubectl describe node`.",
)
def test_pending_diagnosis(manifests, recording):
    """Pending GPU: the diagnosis names who decided, the cause and the field at fault."""
    workload = f"Deployment/{manifests.drawn('gpu.name')}"
    diagnosed(
        manifests,
        recording,
        "pending-gpu",
        workload,
        by=SCHEDULER,
        field=re.escape(manifests.drawn("gpu_fault.field")),
        container=("", "server"),
    )


@check(
    points=1,
    needs="control-plane",
    explain=False,
    hint="One event of the Pod counts the nodes and gives a reason for each of them. Which of the "
    "reasons is about the node that the Pod is meant for?",
)
def test_pending_evidence(manifests, recording):
    """Pending GPU: the quoted evidence was recorded and names the reason."""
    quotes(manifests, recording, "pending-gpu", re.escape(manifests.drawn("gpu_fault.says")))


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


# case-oomkilled


@check(
    points=1.5,
    needs="kubelet",
    explain=False,
    hint="`kubectl describe pod` tells how the last run of each container ended. There are two "
    "containers: which of them ended, and by whose rule?",
)
def test_oomkilled_diagnosis(manifests, recording):
    """OOMKilled: the diagnosis names who decided, the cause, the container and the field."""
    diagnosed(
        manifests,
        recording,
        "oomkilled",
        f"Deployment/{manifests.drawn('oom.name')}",
        by=(*KUBELET, "kernel", "oom-killer"),
        field=r"limits\W*memory|memory\W*limit",
        container=(manifests.drawn("oom.container"),),
    )


@check(
    points=1,
    needs="kubelet",
    explain=False,
    hint="A restart has an event, and the event says nothing of the reason. The reason stands with "
    "the container's last state.",
)
def test_oomkilled_evidence(manifests, recording):
    """OOMKilled: the quoted evidence was recorded and names the reason."""
    quotes(manifests, recording, "oomkilled", r"OOMKilled|exit ?code:? *137")


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


# case-no-endpoints


@check(
    points=1.5,
    needs="control-plane",
    explain=False,
    hint="The Pods are fine, so look at what stands between them and the client. Which controller "
    "fills it, and by what does it choose?",
)
def test_endpoints_diagnosis(manifests, recording):
    """No endpoints: the diagnosis names who decided, the cause, the object and the field."""
    diagnosed(
        manifests,
        recording,
        "no-endpoints",
        f"Service/{manifests.drawn('service.name')}",
        by=ENDPOINTS,
        field=r"selector",
    )


@check(
    points=1,
    needs="control-plane",
    explain=False,
    hint="Put `kubectl get service -o wide` above `kubectl get pods --show-labels`. Quote the one "
    "pair that stands in the first line and in none of the others.",
)
def test_endpoints_evidence(manifests, recording):
    """No endpoints: the quoted evidence was recorded and shows the pair that drifted."""
    quotes(manifests, recording, "no-endpoints", re.escape(manifests.drawn("service.drift")))


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
    expect(
        not selector.items() <= backtest.pod_labels().items(),
        f"a selector that leaves out {name}-backtest",
        f"{selector} selects it as well",
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


# case-failed-rollout


@check(
    points=1.5,
    needs="kubelet",
    explain=False,
    hint="The Deployment waits for a Pod, and the Pod for one of its containers. What was asked of "
    "that container, and what did it answer?",
)
def test_rollout_diagnosis(manifests, recording):
    """Failed rollout: the diagnosis names who decided, the cause, the container and field."""
    diagnosed(
        manifests,
        recording,
        "failed-rollout",
        f"Deployment/{manifests.drawn('release.name')}",
        by=ROLLOUT,
        field=r"readinessProbe",
        container=(manifests.drawn("release.container"),),
    )


@check(
    points=1,
    needs="kubelet",
    explain=False,
    hint="That a rollout waits is no reason. Look for the event of the new Pod which tells what "
    "was answered.",
)
def test_rollout_evidence(manifests, recording):
    """Failed rollout: the quoted evidence was recorded and names the reason."""
    quotes(manifests, recording, "failed-rollout", r"Readiness probe failed.*404")


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


# case-slow-start


@check(
    points=1.5,
    needs="kubelet",
    explain=False,
    hint="The container does not end by itself, it is ended. Find the event that says by what, and "
    "compare its time with the time that loading takes.",
)
def test_slow_start_diagnosis(manifests, recording):
    """Slow start: the diagnosis names who decided, the cause, the container and the field."""
    diagnosed(
        manifests,
        recording,
        "slow-start",
        f"Deployment/{manifests.drawn('slow.name')}",
        by=KUBELET,
        field=r"livenessProbe|startupProbe",
        container=(manifests.drawn("slow.container"),),
    )


@check(
    points=1,
    needs="kubelet",
    explain=False,
    hint="An exit code says how a process ended, not who wanted it. Two of the Pod's events do.",
)
def test_slow_start_evidence(manifests, recording):
    """Slow start: the quoted evidence was recorded and names the reason."""
    quotes(manifests, recording, "slow-start", r"failed liveness probe|Liveness probe failed")


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
    needed, given = manifests.drawn("slow.seconds"), time_to_start(container)
    expect(
        needed < given <= LONGEST_START,
        f"more than the {needed} s of loading before the first restart, at most {LONGEST_START} s",
        f"{given} s",
        where,
    )


def time_to_start(container):
    """Seconds from a container's start until a probe that never succeeds ends it."""
    has_startup = container.field("startupProbe").written
    probe = container.probe("startup" if has_startup else "liveness")
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
