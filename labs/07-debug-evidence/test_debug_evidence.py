"""Checks of lab 07: five failures, each explained before it is repaired.

What is at fault follows from the learner's seed. The grader plays the broken case itself, so the
truth that a diagnosis is held against is what the cluster recorded there.
"""

import re

from grader import check
from grader.errors import CourseError

SCHEDULER = ("scheduler", "default-scheduler", "kube-scheduler")
KUBELET = ("kubelet",)
ENDPOINTS = ("endpointslice-controller", "endpoint-slice-controller", "endpoints-controller")
ROLLOUT = ("kubelet", "deployment-controller")

FIELDS = re.compile(
    r"tolerations|nodeSelector|affinity|nvidia\.com/gpu|(?:readiness|liveness|startup)Probe"
    r"|selector|(?:match)?labels|matchExpressions|(?<![\w-])image(?![\w-])",
    re.IGNORECASE,
)
"""Fields that people suspect in these five cases: an answer that lists several is none."""
SEVERAL = re.compile(r"[,;&+\n]|\b(?:and|or)\b", re.IGNORECASE)
"""What stands between two fields."""
AMOUNTS = re.compile(r"limits?\b|requests?\b", re.IGNORECASE)


def bare(text):
    """A word as people write it: without case, with dashes for spaces."""
    return re.sub(r"[\s_]+", "-", str(text or "").strip().lower())


def names(text):
    """Whether an object was meant: kind with or without group, in any case."""
    kind, _, name = str(text or "").strip().lower().partition("/")
    return kind.partition(".")[0].rstrip("s"), name


def is_field(said, wanted):
    """Whether the one field that was meant is named, and none beside it."""
    text = str(said or "").strip()
    found = re.search(wanted, text, re.IGNORECASE)
    # `tolerations[key=nvidia.com/gpu].effect`: what picks an entry of a list is no second field.
    path = re.sub(r"\[[^\]]*=[^\]]*\]", "", text)
    if not all(re.search(wanted, word, re.IGNORECASE) for word in FIELDS.findall(path)):
        return False
    parts = SEVERAL.split(path)
    return found and sum(bool(FIELDS.search(p) or AMOUNTS.search(p)) for p in parts) <= 1


def diagnosed(manifests, recording, case, workload, *, by, field, container=("",), or_else=None):
    """The form names who decided, the cause, and what is at fault, as the cluster recorded it.

    `or_else` is another object, with its field, whose edit repairs the same fault.
    """
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
    if or_else is not None and names(form.field("object").value) == names(or_else[0]):
        workload, field = or_else
    form.field("object").satisfies(
        lambda said: names(said) == names(workload),
        "the object that has to be edited, as Kind/name",
    )
    form.field("container").satisfies(
        lambda said: str(said or "").strip() in container, "the container at fault, if it is one"
    )
    form.field("field").satisfies(
        lambda said: is_field(said, field), "the field at fault, and no other"
    )


def quotes(manifests, recording, case, naming):
    """The form's evidence is in the recording of the broken case and names the reason."""
    evidence = manifests.form(f"diagnosis/{case}.yaml").field("evidence")
    words = recording.during("broken").words(f"case-{case}")
    words.quoted(evidence.value, naming, evidence.where)


@check(
    points=0.5,
    hint="Read the line that is named. A repair that the API server refuses repairs nothing.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


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
    name = manifests.drawn("service.name")
    key, _, value = manifests.drawn("service.drift").partition("=")
    scorer = manifests.maybe("Deployment", name, "case-no-endpoints")
    labelled = scorer is not None and scorer.pod_labels().get(key) == value
    diagnosed(
        manifests,
        recording,
        "no-endpoints",
        f"Service/{name}",
        by=ENDPOINTS,
        field=r"selector",
        # Whoever repairs the labels has to edit the Deployment.
        or_else=(f"Deployment/{name}", r"(?<!match)labels") if labelled else None,
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
    quotes(manifests, recording, "failed-rollout", r"status ?code:? *404")


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
